package rekindle.peers;

import java.util.concurrent.atomic.AtomicLongArray;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** Counts transitions by segment and direction. All tasks are in this process, so the counts are read from it at the end. */
final class CountingSink implements Sink<SegmentTransition> {
    /** Of all tasks that have ended: for each segment, enter and exit. */
    static final AtomicLongArray COUNTS = new AtomicLongArray(2 * UserState.SEGMENTS.length);

    @Override
    public SinkWriter<SegmentTransition> createWriter(WriterInitContext context) {
        return new Writer();
    }

    private static final class Writer implements SinkWriter<SegmentTransition> {
        private final long[] counts = new long[COUNTS.length()];

        @Override
        public void write(SegmentTransition transition, Context context) {
            counts[2 * transition.segment + (transition.isEnter ? 0 : 1)]++;
        }

        @Override
        public void flush(boolean isEnd) {}

        @Override
        public void close() {
            for (int index = 0; index < counts.length; index++) {
                COUNTS.addAndGet(index, counts[index]);
            }
        }
    }
}
