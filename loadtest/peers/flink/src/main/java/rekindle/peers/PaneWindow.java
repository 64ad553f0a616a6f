package rekindle.peers;

import java.util.Arrays;

/** Values by panes of one width, in the order of time, without those that are empty. A window has 60 panes; they leave as a whole. */
public final class PaneWindow {
    static final int PANES = 60;
    private static final int[] NO_INDEXES = {};
    private static final long[] NO_VALUES = {};

    public int size;
    public int[] indexes = NO_INDEXES;
    public long[] values = NO_VALUES;

    /** The oldest pane that a window still has. */
    static long oldest(long now, long widthMs) {
        return now / widthMs - PANES + 1;
    }

    /** When a pane leaves its window. */
    static long leavesAt(long index, long widthMs) {
        return (index + PANES) * widthMs;
    }

    /** The place of the first pane that is not older than this one. */
    int firstFrom(long oldest) {
        int place = 0;
        while (place < size && indexes[place] < oldest) {
            place++;
        }
        return place;
    }

    /** The sum of the panes from a place on. */
    long sumFrom(int place) {
        long sum = 0;
        for (int at = place; at < size; at++) {
            sum += values[at];
        }
        return sum;
    }

    void add(long at, long now, long widthMs, long value) {
        long oldest = oldest(now, widthMs);
        long index = at / widthMs;
        forgetBefore(oldest);
        if (index < oldest) {
            return;
        }
        // Most events are of the last pane, or of a later one.
        int place = size;
        while (place > 0 && indexes[place - 1] > index) {
            place--;
        }
        if (place > 0 && indexes[place - 1] == index) {
            values[place - 1] += value;
            return;
        }
        if (size == indexes.length) {
            int room = Math.max(2, 2 * size);
            indexes = Arrays.copyOf(indexes, room);
            values = Arrays.copyOf(values, room);
        }
        System.arraycopy(indexes, place, indexes, place + 1, size - place);
        System.arraycopy(values, place, values, place + 1, size - place);
        indexes[place] = (int) index;
        values[place] = value;
        size++;
    }

    private void forgetBefore(long oldest) {
        int gone = firstFrom(oldest);
        if (gone > 0) {
            size -= gone;
            System.arraycopy(indexes, gone, indexes, 0, size);
            System.arraycopy(values, gone, values, 0, size);
        }
    }
}
