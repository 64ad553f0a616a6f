//! Products: rows of a table (semantics §18) from a catalogue's files.
//!
//! Which mapping is that of a file is known by the names of its columns; of other columns it is guessed. What a mapping cannot say is done here:
//! the time of a file, what stands once for several rows of Shopify's, names with blanks, and when a sale price holds.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rekindle_core::time::Timestamp;
use rekindle_mapping::MappingZone;
use rekindle_mapping::guess::MappingGuess;
use rekindle_mapping::{CallMapping, FieldSource, MappingTable, ObjectMapping, written_time};
use serde_json::{Map, Value, json};

/// Names of a column with the key, without anything but letters and digits; the first that is there counts.
const KEYS: [&str; 7] = ["productid", "id", "sku", "itemid", "variantid", "articleid", "code"];
/// Names of columns that say whether there is some left.
const STOCK: [&str; 4] = ["instock", "isinstock", "available", "availability"];
/// What belongs to a product of Shopify's, and stands in its first row only.
const OF_PRODUCT: [&str; 8] =
    ["Title", "Vendor", "Product Category", "Product category", "Type", "Tags", "Status", "Published"];

/// The built-in mapping of columns; `None`: they are nobody's that is known.
pub(super) fn known_mapping(columns: &[String]) -> Option<&'static str> {
    let has = |name: &str| columns.iter().any(|column| column == name);
    let has_any_case = |name: &str| columns.iter().any(|column| feed_name(column) == name);
    if (has("Handle") && has("Variant Price")) || (has("URL handle") && has("Price")) {
        return Some("shopify-products");
    }
    (has_any_case("id") && has_any_case("availability") && has_any_case("link")).then_some("google-products")
}

/// A mapping for other columns: their values are numbers where those of the first rows are, and texts otherwise.
///
/// # Errors
/// No column has a product's key; as a sentence.
pub(super) fn guess(columns: &[String], rows: &[Value]) -> Result<MappingGuess, String> {
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let key = KEYS.iter().find_map(|known| columns.iter().find(|column| plain(column) == *known));
    let key = key.ok_or("no column has a product's key (product_id, id, sku): name a mapping with --mapping")?;
    let mut fields = std::collections::BTreeMap::new();
    let mut notes = Vec::new();
    for column in columns.iter().filter(|column| !column.is_empty()) {
        let texts: Vec<&str> = rows.iter().filter_map(|row| row.get(column)?.as_str()).collect();
        let all = |form: &str| {
            let sample = FieldSource::of_field(column, form);
            let read = |row: &Value| {
                let object =
                    ObjectMapping { fields: [("x".to_owned(), sample.clone()?)].into(), ..ObjectMapping::default() };
                Ok::<bool, String>(has_field(object, row))
            };
            let there = rows.iter().filter(|row| row.get(column).is_some());
            !texts.is_empty() && there.into_iter().all(|row| read(row).unwrap_or_default())
        };
        let form = match plain(column) {
            _ if column == key => " as text",
            name if STOCK.contains(&name.as_str()) && all(" as stock") => " as stock",
            _ if all(" as number") => " as number",
            name if name.contains("price") && all(" as amount") => {
                notes.push(format!("`{column}` is read as amounts with a point before the decimals"));
                " as amount"
            }
            _ => "",
        };
        let name = if column == key { "product_id".to_owned() } else { feed_name(column) };
        fields.insert(name, FieldSource::of_field(column, form)?);
    }
    let source = |text: &str| FieldSource::parse(text).map(Some);
    let call = CallMapping {
        call_type: "row".to_owned(),
        event: source("'Product Updated'")?,
        message_id: source("@hash")?,
        timestamp: source("@request.time")?,
        properties: Some(ObjectMapping { fields, ..ObjectMapping::default() }),
        ..CallMapping::default()
    };
    Ok(MappingGuess { table: MappingTable { calls: vec![call], ..MappingTable::default() }, notes })
}

/// Whether the only field of an object is there.
fn has_field(object: ObjectMapping, row: &Value) -> bool {
    let call = CallMapping { call_type: "row".to_owned(), properties: Some(object), ..CallMapping::default() };
    let table = MappingTable { calls: vec![call], ..MappingTable::default() };
    table.calls(row, &Value::Null).iter().any(|call| call["properties"].get("x").is_some())
}

/// What stands beside each product: the time of its file, since a catalogue says what was so when it was written.
pub(super) fn request(path: &Path) -> Value {
    let changed = path.metadata().and_then(|about| about.modified()).ok().filter(|_| path.is_file());
    let since = changed.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Timestamp(i64::try_from(since.as_millis()).unwrap_or_default());
    json!({ "time": time.to_string() })
}

/// Rows of products, in their order.
#[derive(Debug, Default)]
pub(super) struct ProductRows {
    /// The handle of the latest product of Shopify's, and what belongs to all of it.
    latest: Option<(Value, Map<String, Value>)>,
}

impl ProductRows {
    /// A row as the mapping takes it; `None`: it is no product, but another picture of one.
    pub(super) fn row(&mut self, row: Value, request: &Value) -> Option<Value> {
        let Value::Object(mut members) = row else { return Some(row) };
        if let Some(handle) = ["Handle", "URL handle"].iter().find_map(|name| members.get(*name)).cloned() {
            match &self.latest {
                Some((known, of_product)) if *known == handle => {
                    for (name, value) in of_product {
                        members.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                    if !["Variant SKU", "SKU", "Variant Price", "Price"].iter().any(|name| members.contains_key(*name))
                    {
                        return None;
                    }
                }
                _ => {
                    let of_product =
                        OF_PRODUCT.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())));
                    self.latest = Some((handle, of_product.collect()));
                }
            }
            return Some(Value::Object(members));
        }
        let names: Vec<String> = members.keys().map(|name| feed_name(name)).collect();
        if !["availability", "link"].iter().all(|name| names.iter().any(|known| known == name)) {
            return Some(Value::Object(members));
        }
        let mut members: Map<String, Value> =
            names.into_iter().zip(members.into_iter().map(|(_, value)| value)).collect();
        if !holds(members.get("sale_price_effective_date"), request) {
            members.remove("sale_price");
        }
        Some(Value::Object(members))
    }
}

/// A name of a feed: small, with _ for blanks, without the prefix of Google's names.
fn feed_name(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    name.strip_prefix("g:").unwrap_or(&name).replace([' ', '-'], "_")
}

/// Whether the time of a file is within a sale's, which is written as two times with a slash between; without one it is.
fn holds(period: Option<&Value>, request: &Value) -> bool {
    let time = |text: &str| written_time(text.trim(), &MappingZone::utc());
    let Some((begin, end)) = period.and_then(Value::as_str).and_then(|text| text.split_once('/')) else { return true };
    let Some(now) = request["time"].as_str().and_then(time) else { return true };
    time(begin).is_none_or(|begin| begin <= now) && time(end).is_none_or(|end| now <= end)
}
