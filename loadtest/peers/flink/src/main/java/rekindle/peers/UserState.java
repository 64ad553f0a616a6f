package rekindle.peers;

/**
 * What a user's four segments need to be known by, and when time alone changes one of them: the state of a key, which the heap backend
 * keeps as this object. Public fields, so that Flink has a serializer for it, though nothing is ever stored.
 */
public final class UserState {
    /** The segments, in the order of W1's rules. */
    static final String[] SEGMENTS = {"hot_intent", "cart_abandoned", "big_spender", "dormant"};
    /** An instant that does not come. */
    static final long NEVER = Long.MAX_VALUE;

    private static final long NONE = Long.MIN_VALUE;
    /** A sixtieth of 30 minutes, and of 7 days. */
    private static final long VIEW_PANE_MS = 30_000L;
    private static final long SPENT_PANE_MS = 10_080_000L;
    private static final long VIEWS_MIN = 3;
    private static final long SPENT_MIN = 500_000_000L;
    private static final long ABANDONED_AFTER_MS = 30 * 60_000L;
    private static final long ABANDONED_FOR_MS = 24 * 3_600_000L;
    private static final long DORMANT_AFTER_MS = 48 * 3_600_000L;

    public long now;
    public long latest;
    public long latestCart = NONE;
    public long latestOrder = NONE;
    /** The next instant at which time alone changes a segment. */
    public long due = NEVER;
    /** The time of the one timer that is registered. */
    public long timer = NEVER;
    /** A bit for each segment that the user is in. */
    public int memberships;
    public PaneWindow views = new PaneWindow();
    public PaneWindow spent = new PaneWindow();

    public UserState() {}

    /** Takes the changes of a segment. */
    interface Changes {
        void take(long at, int segment, boolean isEnter);
    }

    /** A user whose first event has this time. */
    static UserState since(long at) {
        UserState user = new UserState();
        user.now = at;
        user.latest = at;
        return user;
    }

    /** Moves time on, to the end of this instant. */
    void advance(long to, Changes changes) {
        while (due <= to) {
            now = due;
            evaluate(changes);
        }
    }

    /** Applies an event; one that is not in the order of time, at the user's clock. */
    void apply(StoreEvent event, Changes changes) {
        long instant = Math.max(now, event.at);
        advance(instant, changes);
        now = instant;
        latest = Math.max(latest, event.at);
        switch (event.action) {
            case StoreEvent.VIEW -> views.add(event.at, now, VIEW_PANE_MS, 1);
            case StoreEvent.CART -> latestCart = Math.max(latestCart, event.at);
            case StoreEvent.ORDER -> {
                latestOrder = Math.max(latestOrder, event.at);
                spent.add(event.at, now, SPENT_PANE_MS, event.amount);
            }
            default -> {}
        }
        evaluate(changes);
    }

    private void evaluate(Changes changes) {
        due = NEVER;
        int found = hotIntent() | cartAbandoned() << 1 | bigSpender() << 2 | dormant() << 3;
        int changed = found ^ memberships;
        memberships = found;
        for (int segment = 0; changed != 0; segment++, changed >>= 1) {
            if ((changed & 1) == 1) {
                changes.take(now, segment, (found >> segment & 1) == 1);
            }
        }
    }

    /** Says that a segment changes by time alone. */
    private void dueAt(long instant) {
        due = Math.min(due, instant);
    }

    /** count(view, '30m') >= 3 && count(order, '30m') == 0 */
    private int hotIntent() {
        long oldest = PaneWindow.oldest(now, VIEW_PANE_MS);
        int first = views.firstFrom(oldest);
        long left = views.sumFrom(first);
        if (left < VIEWS_MIN) {
            return 0;
        }
        long order = Math.floorDiv(latestOrder, VIEW_PANE_MS);
        if (order >= oldest) {
            // Once the order has left, so have the views of its pane and of those before.
            if (views.sumFrom(views.firstFrom(order + 1)) >= VIEWS_MIN) {
                dueAt(PaneWindow.leavesAt(order, VIEW_PANE_MS));
            }
            return 0;
        }
        int place = first;
        while (left - views.values[place] >= VIEWS_MIN) {
            left -= views.values[place++];
        }
        dueAt(PaneWindow.leavesAt(views.indexes[place], VIEW_PANE_MS));
        return 1;
    }

    /** since(cart) >= duration('30m') && since(cart) < duration('24h') && since(order) > since(cart) */
    private int cartAbandoned() {
        if (latestCart == NONE || latestOrder >= latestCart) {
            return 0;
        }
        long since = now - latestCart;
        if (since < ABANDONED_AFTER_MS) {
            dueAt(latestCart + ABANDONED_AFTER_MS);
            return 0;
        }
        if (since < ABANDONED_FOR_MS) {
            dueAt(latestCart + ABANDONED_FOR_MS);
            return 1;
        }
        return 0;
    }

    /** sum(order.total, '7d') >= 500.0 */
    private int bigSpender() {
        int place = spent.firstFrom(PaneWindow.oldest(now, SPENT_PANE_MS));
        long left = spent.sumFrom(place);
        boolean isMember = left >= SPENT_MIN;
        for (; place < spent.size; place++) {
            left -= spent.values[place];
            if (left >= SPENT_MIN != isMember) {
                dueAt(PaneWindow.leavesAt(spent.indexes[place], SPENT_PANE_MS));
                break;
            }
        }
        return isMember ? 1 : 0;
    }

    /** idle() >= duration('48h') */
    private int dormant() {
        long instant = latest + DORMANT_AFTER_MS;
        if (now >= instant) {
            return 1;
        }
        dueAt(instant);
        return 0;
    }
}
