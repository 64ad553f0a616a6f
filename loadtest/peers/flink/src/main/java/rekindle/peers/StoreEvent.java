package rekindle.peers;

import java.io.IOException;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

/** What W1's segments read of an event. It crosses the network between source and state, so its bytes are written by hand. */
public final class StoreEvent {
    static final byte OTHER = 0;
    static final byte VIEW = 1;
    static final byte CART = 2;
    static final byte ORDER = 3;

    static final TypeInformation<StoreEvent> TYPE = new Type();

    String user;
    /** Milliseconds since 1970. */
    long at;
    byte action;
    /** Of an order, in millionths. */
    long amount;

    private void set(StoreEvent from) {
        user = from.user;
        at = from.at;
        action = from.action;
        amount = from.amount;
    }

    /** Action, time, the amount of an order, and the user. */
    public static final class Serializer extends TypeSerializerSingleton<StoreEvent> {
        static final Serializer INSTANCE = new Serializer();

        @Override
        public void serialize(StoreEvent event, DataOutputView to) throws IOException {
            to.writeByte(event.action);
            to.writeLong(event.at);
            if (event.action == ORDER) {
                to.writeLong(event.amount);
            }
            StringValue.writeString(event.user, to);
        }

        @Override
        public StoreEvent deserialize(StoreEvent reused, DataInputView from) throws IOException {
            reused.action = from.readByte();
            reused.at = from.readLong();
            reused.amount = reused.action == ORDER ? from.readLong() : 0;
            reused.user = StringValue.readString(from);
            return reused;
        }

        @Override
        public StoreEvent deserialize(DataInputView from) throws IOException {
            return deserialize(new StoreEvent(), from);
        }

        @Override
        public StoreEvent createInstance() {
            return new StoreEvent();
        }

        @Override
        public StoreEvent copy(StoreEvent from) {
            return copy(from, new StoreEvent());
        }

        @Override
        public StoreEvent copy(StoreEvent from, StoreEvent reused) {
            reused.set(from);
            return reused;
        }

        @Override
        public void copy(DataInputView from, DataOutputView to) throws IOException {
            serialize(deserialize(from), to);
        }

        @Override
        public boolean isImmutableType() {
            return false;
        }

        @Override
        public int getLength() {
            return -1;
        }

        @Override
        public TypeSerializerSnapshot<StoreEvent> snapshotConfiguration() {
            return new Snapshot();
        }
    }

    /** The form of stored events; there is one. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<StoreEvent> {
        public Snapshot() {
            super(() -> Serializer.INSTANCE);
        }
    }

    private static final class Type extends TypeInformation<StoreEvent> {
        @Override
        public TypeSerializer<StoreEvent> createSerializer(SerializerConfig config) {
            return Serializer.INSTANCE;
        }

        @Override
        public Class<StoreEvent> getTypeClass() {
            return StoreEvent.class;
        }

        @Override
        public boolean isBasicType() {
            return false;
        }

        @Override
        public boolean isTupleType() {
            return false;
        }

        @Override
        public boolean isKeyType() {
            return false;
        }

        @Override
        public int getArity() {
            return 1;
        }

        @Override
        public int getTotalFields() {
            return 1;
        }

        @Override
        public boolean canEqual(Object other) {
            return other instanceof Type;
        }

        @Override
        public boolean equals(Object other) {
            return canEqual(other);
        }

        @Override
        public int hashCode() {
            return Type.class.hashCode();
        }

        @Override
        public String toString() {
            return "StoreEvent";
        }
    }
}
