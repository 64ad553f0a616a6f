package rekindle.peers;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * W1's four segments as a hand-written job: what a good programmer would write for these four segments and nothing else. One process,
 * parallelism 2, state on the heap, no checkpoints; no messageId is remembered, and nothing is written but the counts.
 *
 * <p>`W1Job EVENTS UNTIL_MS PASSES DAYS` prints one JSON object: events, and transitions by segment.
 */
public final class W1Job {
    private static final int PARALLELISM = 2;
    private static final Duration MAX_DISORDER = Duration.ofSeconds(5);

    private W1Job() {}

    public static void main(String[] arguments) throws Exception {
        JobOptions options = JobOptions.of(arguments);
        StreamExecutionEnvironment environment =
                StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM, configuration());
        environment
                .fromSource(
                        new EventFileSource(options),
                        WatermarkStrategy.<StoreEvent>forBoundedOutOfOrderness(MAX_DISORDER),
                        "events",
                        StoreEvent.TYPE)
                .setParallelism(1)
                .keyBy(event -> event.user, Types.STRING)
                .process(new SegmentsFunction(options.endMs()))
                .returns(Types.POJO(SegmentTransition.class))
                .sinkTo(new CountingSink());
        environment.execute("w1");
        System.out.println(report());
        System.out.flush();
        // Threads of the cluster may still be about to end.
        System.exit(0);
    }

    private static Configuration configuration() {
        Configuration configuration = new Configuration();
        configuration.set(StateBackendOptions.STATE_BACKEND, "hashmap");
        configuration.set(PipelineOptions.OBJECT_REUSE, true);
        configuration.set(PipelineOptions.GENERIC_TYPES, false);
        configuration.set(RestartStrategyOptions.RESTART_STRATEGY, "disable");
        configuration.set(TaskManagerOptions.NUM_TASK_SLOTS, PARALLELISM);
        // The heap has it instead.
        configuration.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(16));
        configuration.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
        configuration.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
        return configuration;
    }

    private static String report() {
        List<String> segments = new ArrayList<>();
        for (int segment = 0; segment < UserState.SEGMENTS.length; segment++) {
            segments.add(
                    String.format(
                            "\"%s\":{\"enter\":%d,\"exit\":%d}",
                            UserState.SEGMENTS[segment],
                            CountingSink.COUNTS.get(2 * segment),
                            CountingSink.COUNTS.get(2 * segment + 1)));
        }
        return String.format(
                "{\"events\":%d,\"transitions\":{%s}}", SegmentsFunction.EVENTS.sum(), String.join(",", segments));
    }
}
