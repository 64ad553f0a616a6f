package rekindle.peers;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.FileInputStream;
import java.io.IOException;
import java.time.LocalDate;
import java.util.Arrays;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonParser;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonToken;

/**
 * Reads events off a file of JSON lines with Jackson's streaming parser, one for the whole file. All of each line is read, so that
 * what is not JSON is noticed, as Rekindle does. A line that is no event of W1 is a mistake in the input and ends the job.
 */
final class EventReader implements Closeable {
    private static final int BUFFER_BYTES = 512 << 10;
    private static final long DAY_MS = 86_400_000L;
    private static final JsonFactory JSON = new JsonFactory();

    private static final char[] TRACK = "track".toCharArray();
    private static final char[] VIEW = "Product Viewed".toCharArray();
    private static final char[] CART = "Product Added".toCharArray();
    private static final char[] ORDER = "Order Completed".toCharArray();
    /** The only form of time that W1 has; the zeros stand for digits. */
    private static final char[] TIME = "0000-00-00T00:00:00.000Z".toCharArray();

    private final JsonParser parser;
    /** The date of the latest time, as a number of eight digits, and its midnight: most events have that of the one before. */
    private int date;
    private long dateMs;

    EventReader(String path) throws IOException {
        parser = JSON.createParser(new BufferedInputStream(new FileInputStream(path), BUFFER_BYTES));
    }

    /** Puts the next event into `event`; false at the end. */
    boolean next(StoreEvent event) throws IOException {
        JsonToken first = parser.nextToken();
        if (first == null) {
            return false;
        }
        check(first == JsonToken.START_OBJECT, "an object");
        event.user = null;
        event.at = Long.MIN_VALUE;
        boolean isTrack = false;
        byte action = StoreEvent.OTHER;
        double total = 0;
        for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
            JsonToken value = parser.nextToken();
            switch (name) {
                case "type" -> isTrack = value == JsonToken.VALUE_STRING && is(TRACK);
                case "event" -> action = value == JsonToken.VALUE_STRING ? action() : StoreEvent.OTHER;
                case "userId" -> {
                    check(value == JsonToken.VALUE_STRING, "a userId that is a text");
                    event.user = parser.getText();
                }
                case "timestamp" -> {
                    check(value == JsonToken.VALUE_STRING, "a timestamp that is a text");
                    event.at = time(parser.getTextCharacters(), parser.getTextOffset(), parser.getTextLength());
                }
                case "properties" -> {
                    check(value == JsonToken.START_OBJECT, "properties that are an object");
                    total = total();
                }
                default -> parser.skipChildren();
            }
        }
        check(event.user != null && event.at != Long.MIN_VALUE, "userId and timestamp");
        event.action = isTrack ? action : StoreEvent.OTHER;
        event.amount = event.action == StoreEvent.ORDER ? Math.round(total * 1e6) : 0;
        return true;
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }

    /** The total of the object that begins here, or 0. */
    private double total() throws IOException {
        double total = 0;
        for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
            JsonToken value = parser.nextToken();
            if (name.equals("total") && value != JsonToken.VALUE_NULL) {
                check(value.isNumeric(), "a total that is a number");
                total = parser.getDoubleValue();
            } else {
                parser.skipChildren();
            }
        }
        return total;
    }

    private byte action() throws IOException {
        return is(VIEW) ? StoreEvent.VIEW : is(CART) ? StoreEvent.CART : is(ORDER) ? StoreEvent.ORDER : StoreEvent.OTHER;
    }

    /** Whether the text that was just read is this one; no string is made of it. */
    private boolean is(char[] text) throws IOException {
        int from = parser.getTextOffset();
        return Arrays.equals(parser.getTextCharacters(), from, from + parser.getTextLength(), text, 0, text.length);
    }

    private long time(char[] text, int from, int length) throws IOException {
        boolean isTime = length == TIME.length;
        for (int index = 0; isTime && index < length; index++) {
            char c = text[from + index];
            isTime = TIME[index] == '0' ? c >= '0' && c <= '9' : c == TIME[index];
        }
        check(isTime, "a time like 2026-03-01T00:00:00.000Z");
        int day = number(text, from, 4) * 10_000 + number(text, from + 5, 2) * 100 + number(text, from + 8, 2);
        if (day != date) {
            dateMs = LocalDate.of(day / 10_000, day / 100 % 100, day % 100).toEpochDay() * DAY_MS;
            date = day;
        }
        int minutes = number(text, from + 11, 2) * 60 + number(text, from + 14, 2);
        return dateMs + minutes * 60_000L + number(text, from + 17, 2) * 1_000L + number(text, from + 20, 3);
    }

    private static int number(char[] text, int from, int digits) {
        int number = 0;
        for (int index = from; index < from + digits; index++) {
            number = number * 10 + text[index] - '0';
        }
        return number;
    }

    private void check(boolean isSo, String needed) throws IOException {
        if (!isSo) {
            throw new IOException(needed + " was expected at " + parser.currentLocation().offsetDescription());
        }
    }
}
