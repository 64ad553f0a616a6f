package rekindle.peers;

/** A change of a segment, on its way to the sink in the same task: with object reuse it is never serialized. */
public final class SegmentTransition {
    public String user;
    public long at;
    public int segment;
    public boolean isEnter;

    public SegmentTransition() {}
}
