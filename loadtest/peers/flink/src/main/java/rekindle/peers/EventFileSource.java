package rekindle.peers;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * Reads the events in the task's own thread, without the queue between threads of Flink's file source, which costs a fifth more.
 * There is one reader and one file, so there are no splits to hand out; and no checkpoints, so nothing of it is ever stored.
 */
final class EventFileSource
        implements Source<StoreEvent, EventFileSource.NoSplit, Boolean>, ResultTypeQueryable<StoreEvent> {
    /** Events that are handed on in one turn of the task. */
    private static final int EVENTS_AT_A_TIME = 100;

    private final JobOptions options;

    EventFileSource(JobOptions options) {
        this.options = options;
    }

    @Override
    public SourceReader<StoreEvent, NoSplit> createReader(SourceReaderContext context) {
        return new Reader(options);
    }

    @Override
    public SplitEnumerator<NoSplit, Boolean> createEnumerator(SplitEnumeratorContext<NoSplit> context) {
        return new NoSplits();
    }

    @Override
    public SplitEnumerator<NoSplit, Boolean> restoreEnumerator(
            SplitEnumeratorContext<NoSplit> context, Boolean checkpoint) {
        return new NoSplits();
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.BOUNDED;
    }

    @Override
    public TypeInformation<StoreEvent> getProducedType() {
        return StoreEvent.TYPE;
    }

    @Override
    public SimpleVersionedSerializer<NoSplit> getSplitSerializer() {
        return new NeverStored<>();
    }

    @Override
    public SimpleVersionedSerializer<Boolean> getEnumeratorCheckpointSerializer() {
        return new NeverStored<>();
    }

    /** There is none. */
    static final class NoSplit implements SourceSplit {
        private NoSplit() {}

        @Override
        public String splitId() {
            return "";
        }
    }

    private static final class Reader implements SourceReader<StoreEvent, NoSplit> {
        private final JobOptions options;
        private final StoreEvent event = new StoreEvent();
        private EventReader events;
        private int pass;

        Reader(JobOptions options) {
            this.options = options;
        }

        @Override
        public void start() {}

        @Override
        public InputStatus pollNext(ReaderOutput<StoreEvent> output) throws IOException {
            if (events == null) {
                if (pass == options.passes()) {
                    return InputStatus.END_OF_INPUT;
                }
                events = new EventReader(options.events());
            }
            long later = options.laterInPass(pass);
            long until = options.untilMs() + later;
            for (int count = 0; count < EVENTS_AT_A_TIME; count++) {
                if (!events.next(event)) {
                    close();
                    pass++;
                    break;
                }
                event.at += later;
                if (event.at <= until) {
                    output.collect(event, event.at);
                }
            }
            return InputStatus.MORE_AVAILABLE;
        }

        @Override
        public CompletableFuture<Void> isAvailable() {
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public List<NoSplit> snapshotState(long checkpoint) {
            return List.of();
        }

        @Override
        public void addSplits(List<NoSplit> splits) {}

        @Override
        public void notifyNoMoreSplits() {}

        @Override
        public void close() throws IOException {
            if (events != null) {
                events.close();
                events = null;
            }
        }
    }

    private static final class NoSplits implements SplitEnumerator<NoSplit, Boolean> {
        @Override
        public void start() {}

        @Override
        public void handleSplitRequest(int subtask, String host) {}

        @Override
        public void addSplitsBack(List<NoSplit> splits, int subtask) {}

        @Override
        public void addReader(int subtask) {}

        @Override
        public Boolean snapshotState(long checkpoint) {
            return true;
        }

        @Override
        public void close() {}
    }

    private static final class NeverStored<T> implements SimpleVersionedSerializer<T> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(T state) {
            throw new UnsupportedOperationException("this job takes no checkpoints");
        }

        @Override
        public T deserialize(int version, byte[] stored) {
            throw new UnsupportedOperationException("this job takes no checkpoints");
        }
    }
}
