package rekindle.peers;

import java.io.Serializable;

/**
 * What is to be done: the file of events; the end of time, after which events are left out; how often the events are gone through,
 * each time this number of days later, and with that the end of time.
 */
record JobOptions(String events, long untilMs, int passes, int days) implements Serializable {
    private static final long DAY_MS = 86_400_000L;

    static JobOptions of(String[] arguments) {
        if (arguments.length != 4) {
            throw new IllegalArgumentException("usage: W1Job EVENTS UNTIL_MS PASSES DAYS");
        }
        int passes = Integer.parseInt(arguments[2]);
        if (passes < 1) {
            throw new IllegalArgumentException("at least one pass is needed");
        }
        return new JobOptions(arguments[0], Long.parseLong(arguments[1]), passes, Integer.parseInt(arguments[3]));
    }

    /** By how much events are later in this pass, which counts from 0. */
    long laterInPass(int pass) {
        return pass * days * DAY_MS;
    }

    /** The end of time of the last pass. */
    long endMs() {
        return untilMs + laterInPass(passes - 1);
    }
}
