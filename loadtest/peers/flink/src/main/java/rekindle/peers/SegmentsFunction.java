package rekindle.peers;

import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.TimerService;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** The four segments of each user, with at most one event-time timer. */
final class SegmentsFunction extends KeyedProcessFunction<String, StoreEvent, SegmentTransition> {
    /** Of all tasks that have ended. */
    static final LongAdder EVENTS = new LongAdder();

    private final long endMs;
    private transient ValueState<UserState> users;
    private transient TransitionOutput output;
    private transient long events;

    SegmentsFunction(long endMs) {
        this.endMs = endMs;
    }

    @Override
    public void open(OpenContext context) {
        users = getRuntimeContext().getState(new ValueStateDescriptor<>("user", Types.POJO(UserState.class)));
        output = new TransitionOutput();
    }

    @Override
    public void processElement(StoreEvent event, Context context, Collector<SegmentTransition> collector)
            throws Exception {
        events++;
        UserState user = users.value();
        if (user == null) {
            user = UserState.since(event.at);
            users.update(user);
        }
        user.apply(event, output.of(event.user, collector));
        // A later one than the timer is left to when that fires.
        if (user.due < user.timer) {
            TimerService timers = context.timerService();
            if (user.timer != UserState.NEVER) {
                timers.deleteEventTimeTimer(user.timer);
            }
            register(user, timers);
        }
    }

    @Override
    public void onTimer(long at, OnTimerContext context, Collector<SegmentTransition> collector) throws Exception {
        UserState user = users.value();
        TimerService timers = context.timerService();
        // At the end of the input the watermark passes the end of time.
        user.advance(Math.min(endMs, timers.currentWatermark()), output.of(context.getCurrentKey(), collector));
        register(user, timers);
    }

    private void register(UserState user, TimerService timers) {
        user.timer = user.due <= endMs ? user.due : UserState.NEVER;
        if (user.timer != UserState.NEVER) {
            timers.registerEventTimeTimer(user.timer);
        }
    }

    @Override
    public void close() {
        EVENTS.add(events);
    }

    /** Hands the changes of one user on, each in the same object. */
    private static final class TransitionOutput implements UserState.Changes {
        private final SegmentTransition transition = new SegmentTransition();
        private Collector<SegmentTransition> collector;

        TransitionOutput of(String user, Collector<SegmentTransition> collector) {
            transition.user = user;
            this.collector = collector;
            return this;
        }

        @Override
        public void take(long at, int segment, boolean isEnter) {
            transition.at = at;
            transition.segment = segment;
            transition.isEnter = isEnter;
            collector.collect(transition);
        }
    }
}
