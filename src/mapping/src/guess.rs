//! A table for columns whose names say what they hold. It is a proposal, to be shown to the user.

use std::collections::BTreeMap;

use serde_json::Value;

use super::times::{MappingZone, written_time};
use super::{CallMapping, FieldSource, MappingTable, ObjectMapping};

/// Names of columns, without anything but letters and digits; the first that is there counts.
const USERS: [&str; 9] =
    ["userid", "customerid", "memberid", "buyerid", "clientid", "uid", "customer", "user", "email"];
const VISITORS: [&str; 7] =
    ["anonymousid", "visitorid", "userpseudoid", "deviceid", "cookieid", "sessionid", "session"];
const TIMES: [&str; 14] = [
    "timestamp",
    "eventtime",
    "eventtimestamp",
    "time",
    "datetime",
    "createdat",
    "occurredat",
    "ts",
    "orderdate",
    "invoicedate",
    "purchasedate",
    "date",
    "datereceived",
    "day",
];
const EVENTS: [&str; 7] = ["event", "eventname", "eventtype", "behaviortype", "behavior", "action", "type"];
const MESSAGES: [&str; 4] = ["messageid", "eventid", "uuid", "id"];
/// Properties that have a name in the e-commerce events of Segment's.
const PROPERTIES: [(&str, &[&str]); 8] = [
    ("product_id", &["itemid", "productid", "sku", "stockcode", "aid"]),
    ("order_id", &["orderid", "transactionid", "invoice", "invoiceno"]),
    ("price", &["price", "unitprice"]),
    ("quantity", &["quantity", "qty"]),
    ("total", &["total", "revenue", "amount", "spend"]),
    ("category", &["category", "categoryid", "categorycode"]),
    ("brand", &["brand"]),
    ("currency", &["currency"]),
];
/// What events are called elsewhere, as it is written there.
const NAMES: [(&str, &[&str]); 6] = [
    ("Product Viewed", &["view", "pv", "product_view", "view_item", "clicks"]),
    ("Product Added", &["add_to_cart", "addtocart", "cart", "carts", "add"]),
    ("Product Removed", &["remove_from_cart", "remove"]),
    ("Product Added to Wishlist", &["fav", "favorite", "wishlist", "add_to_wishlist"]),
    ("Order Completed", &["transaction", "purchase", "buy", "order", "orders"]),
    ("Checkout Started", &["checkout", "begin_checkout"]),
];
/// Formats of times that a text can have in one way only.
const FORMATS: [&str; 3] = ["%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%d.%m.%Y"];

/// A proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingGuess {
    /// The table.
    pub table: MappingTable,
    /// What somebody should look at.
    pub notes: Vec<String>,
}

/// Columns, and what the first rows have in them.
#[derive(Clone, Copy, Debug)]
pub struct ColumnSample<'a> {
    /// Their names.
    pub columns: &'a [String],
    /// Rows, as objects.
    pub rows: &'a [Value],
}

impl ColumnSample<'_> {
    /// Proposes a table.
    ///
    /// # Errors
    /// It can't be said whose the rows are, or when they happened; as a sentence.
    pub fn guess(&self) -> Result<MappingGuess, String> {
        let (user, visitor) = (self.column(&USERS), self.column(&VISITORS));
        if user.is_none() && visitor.is_none() {
            return Err(self.missing("no column says whose the rows are, like user_id, customer_id or visitor_id"));
        }
        let time = self.column(&TIMES);
        let time = time.ok_or_else(|| self.missing("no column says when it happened, like timestamp or date"))?;
        let mut notes = Vec::new();
        let event = self.column(&EVENTS);
        let message = self.column(&MESSAGES);
        let taken = [user, visitor, Some(time), event, message];
        let mut properties = ObjectMapping::default();
        for column in self.columns.iter().filter(|column| !taken.contains(&Some(column)) && !column.is_empty()) {
            let name = property_name(column);
            let form = self.form(column, &name, &mut notes);
            properties.fields.insert(name, FieldSource::of_field(column, form)?);
        }
        let fixed = if properties.fields.contains_key("order_id") { "'Order Completed'" } else { "'Imported'" };
        if event.is_none() {
            notes.push(format!("no column says what happened: every row is {fixed}; change `event` if that is wrong"));
        }
        let field =
            |column: Option<&String>| column.map(|column| FieldSource::of_field(column, " as text")).transpose();
        let event_source = match event {
            Some(event) => FieldSource::of_field(event, "")?,
            None => FieldSource::parse(fixed)?,
        };
        let call = CallMapping {
            call_type: "track".to_owned(),
            event: Some(event_source),
            names: event.map(|event| self.names(event)).unwrap_or_default(),
            user_id: field(user)?,
            anonymous_id: field(visitor.filter(|_| user.is_none() || visitor != user))?,
            message_id: Some(match message {
                Some(message) => FieldSource::of_field(message, " as text")?,
                None => FieldSource::parse("@hash")?,
            }),
            timestamp: Some(FieldSource::of_field(time, &self.time_form(time)?)?),
            properties: (!properties.fields.is_empty()).then_some(properties),
            ..CallMapping::default()
        };
        Ok(MappingGuess { table: MappingTable { calls: vec![call], ..MappingTable::default() }, notes })
    }

    fn column(&self, names: &[&str]) -> Option<&String> {
        names.iter().find_map(|name| self.columns.iter().find(|column| plain(column) == *name))
    }

    fn missing(&self, what: &str) -> String {
        format!("{what}; the columns are {}: write a mapping and name it with --mapping", self.columns.join(", "))
    }

    /// What the rows have in a column.
    fn values<'s>(&'s self, column: &'s str) -> impl Iterator<Item = &'s str> {
        self.rows.iter().filter_map(move |row| row.get(column)?.as_str()).map(str::trim).filter(|text| !text.is_empty())
    }

    fn time_form(&self, column: &str) -> Result<String, String> {
        let all = |check: &dyn Fn(&str) -> bool| self.values(column).all(check);
        let digits =
            |length: usize| move |text: &str| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        let reads = |form: &str| {
            let source = FieldSource::of_field(column, form).ok();
            self.rows.iter().all(|row| source.as_ref().is_some_and(|source| source.text_in(row).is_some()))
        };
        let numbers = [(10, " as seconds"), (13, " as millis"), (16, " as micros"), (8, " as time(%Y%m%d)")];
        if let Some((_, form)) = numbers.into_iter().find(|(length, _)| all(&digits(*length))) {
            return Ok(form.to_owned());
        }
        if all(&|text| written_time(text, &MappingZone::utc()).is_some()) {
            return Ok(" as time".to_owned());
        }
        let formats = FORMATS.into_iter().map(|format| format!(" as time({format})"));
        formats.into_iter().find(|form| reads(form)).ok_or_else(|| {
            let example = self.values(column).next().unwrap_or_default();
            format!(
                "times like `{example}` can be read in more than one way: print the columns' mapping with --print-mapping from rows \
                 without it, and say how: timestamp = \"{column} as time(%d/%m/%Y %H:%M)\""
            )
        })
    }

    /// Numbers are numbers if every row has one; what only looks like an amount is left as it is.
    fn form(&self, column: &str, name: &str, notes: &mut Vec<String>) -> &'static str {
        let is_id = name.ends_with("id") || name.ends_with("code") || name == "category";
        let is_number = |text: &str| text.parse::<serde_json::Number>().is_ok();
        if is_id || self.values(column).next().is_none() {
            return "";
        }
        if self.values(column).all(is_number) {
            return " as number";
        }
        let is_amount = |text: &str| {
            let digits = text.trim_matches(|c: char| !c.is_ascii_digit() && c != '-');
            digits.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                && digits.chars().all(|c| c.is_ascii_digit() || "-.,' ".contains(c))
                && digits.len() + 4 >= text.len()
        };
        if matches!(name, "price" | "total") && self.values(column).all(is_amount) {
            let example = self.values(column).find(|text| !is_number(text)).unwrap_or_default();
            notes.push(format!(
                "`{column}` has texts like `{example}`: for a number say `{column} as amount` (point) or `{column} as amount_comma`"
            ));
        }
        ""
    }

    /// The standard names of what the rows have in a column. Where they have some of those names, later rows may have the others.
    fn names(&self, column: &str) -> BTreeMap<String, String> {
        let known = || NAMES.iter().flat_map(|(standard, names)| names.iter().map(move |name| (*name, *standard)));
        let standard =
            |value: &str| known().find(|(name, _)| plain(name) == plain(value)).map(|(_, standard)| standard);
        let seen: Vec<_> = self.values(column).filter_map(|value| Some((value, standard(value)?))).collect();
        let expected = known().filter(|_| !seen.is_empty());
        expected.chain(seen.iter().copied()).map(|(name, standard)| (name.to_owned(), standard.to_owned())).collect()
    }
}

fn property_name(column: &str) -> String {
    let known = PROPERTIES.iter().find(|(_, names)| names.contains(&plain(column).as_str()));
    known.map_or_else(|| snake(column), |(name, _)| (*name).to_owned())
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn snake(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn guess(columns: &[&str], row: &[&str]) -> Result<MappingGuess, String> {
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let row = columns.iter().zip(row).map(|(column, value)| (column.clone(), json!(value))).collect();
        ColumnSample { columns: &columns, rows: &[Value::Object(row)] }.guess()
    }

    fn call(columns: &[&str], row: &[&str]) -> Value {
        let table = guess(columns, row).expect("a guess").table;
        let item = columns.iter().zip(row).map(|(column, value)| ((*column).to_owned(), json!(value))).collect();
        table.calls(&Value::Object(item), &Value::Null).remove(0)
    }

    #[test]
    fn columns_are_known_by_their_names() {
        let found = call(
            &["timestamp", "visitorid", "event", "itemid", "transactionid", "Unit Price", "x.y"],
            &["1430636062541", "285933", "addtocart", "298009", "7", "1.5", "z"],
        );
        let expected = json!({"type": "track", "event": "Product Added", "anonymousId": "285933", "timestamp": 1_430_636_062_541_i64,
            "messageId": found["messageId"], "properties": {"product_id": "298009", "order_id": "7", "price": 1.5, "x_y": "z"}});
        assert_eq!(found, expected);
        let found = call(&["User_id", "Date_received"], &["4129537", "20160712"]);
        assert_eq!((&found["event"], &found["timestamp"]), (&json!("Imported"), &json!("2016-07-12T00:00:00.000Z")));
        let found = call(&["uid", "ts"], &["1", "1511658000"]);
        assert_eq!(found["timestamp"], 1_511_658_000_000_i64);
    }

    #[test]
    fn names_that_come_later_are_known_where_the_first_rows_have_some() {
        let names = |event: &str| {
            let guess = guess(&["user_id", "date", "action"], &["1", "2024-01-02", event]).expect("a guess");
            guess.table.calls[0].names.clone()
        };
        assert_eq!((&*names("PV")["PV"], &*names("PV")["buy"]), ("Product Viewed", "Order Completed"));
        assert!(names("Ticket Opened").is_empty());
    }

    #[test]
    fn what_cannot_be_known_is_said() {
        let why = |columns: &[&str], row: &[&str]| guess(columns, row).expect_err("no guess");
        assert!(why(&["a", "time"], &["1", "2"]).contains("whose the rows are"));
        assert!(why(&["user_id", "b"], &["1", "2"]).contains("when it happened"));
        assert!(why(&["user_id", "date"], &["1", "01/02/2024"]).contains("more than one way"));
        let guess = guess(&["user_id", "date", "price"], &["1", "2024-01-02", "$1,234.50"]).expect("a guess");
        assert!(guess.notes.iter().any(|note| note.contains("as amount")), "{:?}", guess.notes);
    }
}
