//! Products: rows of a table (semantics §18) from a catalogue's files.
//!
//! Which mapping is that of a file is known by the names of its columns; of other columns it is guessed. What a mapping cannot say is done here:
//! the time of a file, what stands once for several rows of Shopify's, names with blanks, and when a sale price holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rekindle_core::time::Timestamp;
use rekindle_mapping::guess::MappingGuess;
use rekindle_mapping::{CallMapping, FieldSource, MappingTable, MappingZone, ObjectMapping, written_time};
use serde_json::{Map, Value, json};

pub(super) const GOOGLE: &str = "google-products";
const SHOPIFY: &str = "shopify-products";
/// Names of a column with the key, without anything but letters and digits; the first that is there counts.
const KEYS: [&str; 7] = ["productid", "id", "sku", "itemid", "variantid", "articleid", "code"];
/// Names of columns that say whether there is some left.
const STOCK: [&str; 4] = ["instock", "isinstock", "available", "availability"];
/// Ends of names whose values are no numbers, though they have digits only.
const CODES: [&str; 7] = ["id", "code", "sku", "gtin", "ean", "mpn", "category"];
/// What belongs to a product of Shopify's, and stands in its first row only.
const OF_PRODUCT: [&str; 8] =
    ["Title", "Vendor", "Product Category", "Product category", "Type", "Tags", "Status", "Published"];

/// The built-in mapping of columns; `None`: they are nobody's that is known.
pub(super) fn known_mapping(columns: &[String]) -> Option<&'static str> {
    let has = |name: &str| columns.iter().any(|column| column == name);
    let has_any_case = |name: &str| columns.iter().any(|column| feed_name(column) == name);
    if (has("Handle") && has("Variant Price")) || (has("URL handle") && has("Price")) {
        return Some(SHOPIFY);
    }
    (has_any_case("id") && has_any_case("availability") && has_any_case("link")).then_some(GOOGLE)
}

/// A mapping for other columns: their values are numbers where those of the first rows are, and texts otherwise.
///
/// # Errors
/// No column has a product's key; as a sentence.
pub(super) fn guess(columns: &[String], rows: &[Value]) -> Result<MappingGuess, String> {
    let key = KEYS.iter().find_map(|known| columns.iter().find(|column| plain(column) == *known));
    let key = key.ok_or_else(|| {
        let known = columns.join(", ");
        format!("no column has a product's key (product_id, id, sku); the columns are {known}: write a mapping and name it with --mapping")
    })?;
    let mut fields = BTreeMap::new();
    let mut notes = Vec::new();
    for column in columns.iter().filter(|column| !column.is_empty()) {
        let form = if column == key { " as text" } else { form(column, rows, &mut notes)? };
        let name = if column == key { "product_id".to_owned() } else { feed_name(column) };
        fields.insert(name, FieldSource::of_field(column, form)?);
    }
    let source = |text: &str| FieldSource::parse(text).map(Some);
    let call = CallMapping {
        call_type: "row".to_owned(),
        event: source("'Product Updated'")?,
        row_key: "product_id".to_owned(),
        message_id: source("{@hash}-{@request.time}")?,
        timestamp: source("@request.time")?,
        properties: Some(ObjectMapping { fields, ..ObjectMapping::default() }),
        ..CallMapping::default()
    };
    Ok(MappingGuess { table: MappingTable { calls: vec![call], ..MappingTable::default() }, notes })
}

/// The form of a column. A few prices that are none leave a column of prices what it is: they are left out, and counted.
fn form(column: &str, rows: &[Value], notes: &mut Vec<String>) -> Result<&'static str, String> {
    let name = plain(column);
    let there = rows.iter().filter(|row| row.get(column).is_some()).count();
    if there == 0 || CODES.iter().any(|code| name.ends_with(code)) && !STOCK.contains(&name.as_str()) {
        return Ok("");
    }
    let read = |form: &str| -> Result<usize, String> {
        let source = FieldSource::of_field(column, form)?;
        Ok(rows.iter().filter(|row| source.text_in(row).is_some()).count())
    };
    if STOCK.contains(&name.as_str()) && read(" as stock")? == there {
        return Ok(" as stock");
    }
    if read(" as number")? == there {
        return Ok(" as number");
    }
    if !name.contains("price") {
        return Ok("");
    }
    let (point, comma) = (read(" as amount")?, read(" as amount_comma")?);
    let (form, count, how) = match comma > point {
        true => (" as amount_comma", comma, "a comma"),
        false => (" as amount", point, "a point"),
    };
    if count * 2 < there {
        return Ok("");
    }
    notes.push(format!("`{column}` is read as amounts with {how} before the decimals"));
    Ok(form)
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// What stands beside each product: the time of its file, since a catalogue says what was so when it was written.
pub(super) fn request(path: &Path) -> Value {
    let now = SystemTime::now();
    let changed = path.metadata().ok().filter(std::fs::Metadata::is_file).and_then(|about| about.modified().ok());
    let since = changed.unwrap_or(now).min(now).duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Timestamp(i64::try_from(since.as_millis()).unwrap_or_default());
    json!({ "time": time.to_string() })
}

/// Rows of products, in their order.
#[derive(Debug)]
pub(super) enum ProductRows {
    /// With the handle of the latest product, and what belongs to all of it.
    Shopify(Option<(Value, Map<String, Value>)>),
    Google,
    Other,
}

impl ProductRows {
    /// Of a file with these columns.
    pub(super) fn of(columns: &[String]) -> ProductRows {
        match known_mapping(columns) {
            Some(SHOPIFY) => ProductRows::Shopify(None),
            Some(_) => ProductRows::Google,
            None => ProductRows::Other,
        }
    }

    /// A row as the mapping takes it; `None`: it is no product, but another picture of one.
    pub(super) fn row(&mut self, row: Value, request: &Value) -> Option<Value> {
        let Value::Object(members) = row else { return Some(row) };
        match self {
            ProductRows::Shopify(latest) => variant(members, latest),
            ProductRows::Google => Some(offer(members, request)),
            ProductRows::Other => Some(Value::Object(members)),
        }
    }
}

/// A variant of Shopify's, with what its product has.
fn variant(mut members: Map<String, Value>, latest: &mut Option<(Value, Map<String, Value>)>) -> Option<Value> {
    let handle = ["Handle", "URL handle"].iter().find_map(|name| members.get(*name)).cloned();
    match (latest, handle) {
        (Some((known, of_product)), Some(handle)) if *known == handle => {
            for (name, value) in of_product {
                members.entry(name.clone()).or_insert_with(|| value.clone());
            }
            let of_variant = ["Variant SKU", "SKU", "Variant Price", "Price"];
            of_variant.iter().any(|name| members.contains_key(*name)).then_some(Value::Object(members))
        }
        (latest, handle) => {
            let of_product =
                OF_PRODUCT.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())));
            *latest = handle.map(|handle| (handle, of_product.collect()));
            Some(Value::Object(members))
        }
    }
}

/// A product of Google's, whose sale price is there only while it holds.
fn offer(members: Map<String, Value>, request: &Value) -> Value {
    let mut members: Map<String, Value> = members.into_iter().map(|(name, value)| (feed_name(&name), value)).collect();
    if !holds(members.get("sale_price_effective_date"), request) {
        members.remove("sale_price");
    }
    Value::Object(members)
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
