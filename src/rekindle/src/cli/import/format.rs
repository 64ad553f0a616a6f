//! The formats: which mapping is theirs, and what a mapping cannot say of them.

use std::path::Path;
use std::sync::Arc;

use rekindle_core::decode::RejectionReason;
use serde_json::{Value, json};

/// What files hold.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImportFormat {
    /// Rows of columns
    Csv,
    /// JSON: lines, documents, arrays
    Jsonl,
    /// Products, as rows of a table: CSV (Shopify's, Google Merchant's, or any), Google Merchant's XML, or JSON
    Products,
    /// Rows of GA4's export to BigQuery, as JSON lines
    #[value(name = "ga4-bigquery")]
    Ga4BigQuery,
    /// Orders of Shopify: the Admin API's JSON, or the CSV export
    Shopify,
    /// Calls, as in Segment's archives in S3
    #[value(name = "segment-s3")]
    SegmentS3,
    /// Events of PostHog: JSON lines or CSV
    #[value(name = "posthog")]
    PostHog,
    /// JSON lines of Sensors Analytics
    Sensors,
}

/// An event of a file, before it is a call.
#[derive(Debug)]
pub(super) struct SourceItem {
    pub(super) file: Arc<str>,
    /// The number of its first line, from 1.
    pub(super) line: u64,
    pub(super) content: ItemContent,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum ItemContent {
    /// To be mapped: the event, the body it stands in if that is another value, and what stands beside.
    Event { event: Value, body: Option<Arc<Value>>, request: Value },
    /// A call already, as it is written.
    Call(String),
    /// It can't be read: why, as a word and a sentence, and its beginning.
    Unreadable { reason: UnreadableItem, original: String },
}

/// Why an item can't be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum UnreadableItem {
    /// As the engine would say.
    #[error("{0}")]
    Call(RejectionReason),
    /// A row with another number of columns.
    #[error("it has {found} columns; the header has {expected}")]
    Ragged { found: usize, expected: usize },
    /// Not text.
    #[error("it is not UTF-8: convert the file (iconv -f … -t utf-8)")]
    NotUtf8,
    /// Longer than a row may be.
    #[error("it has more than {limit} bytes or columns: a quotation mark may be missing")]
    TooLong { limit: usize },
    /// Longer than an item of a feed may be.
    #[error("the item has more than {limit} bytes")]
    ItemTooLong { limit: usize },
    /// An item that is not sound.
    #[error("the item is not sound XML: {detail}")]
    NotXml { detail: String },
}

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSyntax {
    Csv,
    Json,
    Xml,
}

impl UnreadableItem {
    pub(super) fn code(&self) -> &'static str {
        match self {
            UnreadableItem::Call(reason) => reason.code(),
            UnreadableItem::Ragged { .. } => "ragged_row",
            UnreadableItem::NotUtf8 => "not_utf8",
            UnreadableItem::TooLong { .. } | UnreadableItem::ItemTooLong { .. } => "too_large",
            UnreadableItem::NotXml { .. } => "not_xml",
        }
    }
}

impl ImportFormat {
    /// How these files are written: by the format, or by their first byte.
    pub(super) fn syntax(self, first: Option<u8>) -> FileSyntax {
        match self {
            ImportFormat::Csv => FileSyntax::Csv,
            ImportFormat::Products if first == Some(b'<') => FileSyntax::Xml,
            ImportFormat::Shopify | ImportFormat::PostHog | ImportFormat::Products => match first {
                Some(b'{' | b'[') | None => FileSyntax::Json,
                Some(_) => FileSyntax::Csv,
            },
            _ => FileSyntax::Json,
        }
    }

    /// The built-in mapping.
    pub(super) fn mapping(self, syntax: FileSyntax) -> Option<&'static str> {
        let is_csv = syntax == FileSyntax::Csv;
        match self {
            ImportFormat::Csv | ImportFormat::Jsonl | ImportFormat::SegmentS3 => None,
            ImportFormat::Products if is_csv => None,
            ImportFormat::Products if syntax == FileSyntax::Xml => Some(super::products::GOOGLE),
            ImportFormat::Products => Some("products"),
            ImportFormat::Ga4BigQuery => Some("ga4-bigquery"),
            ImportFormat::Shopify if is_csv => Some("shopify-csv"),
            ImportFormat::Shopify => Some("shopify"),
            ImportFormat::PostHog => Some("posthog-export"),
            ImportFormat::Sensors => Some("sensors"),
        }
    }

    /// What a document holds, each with what stands beside it.
    pub(super) fn bodies(self, document: Value) -> Vec<(Value, Value)> {
        if self != ImportFormat::Shopify {
            return vec![(unfolded(self, document), Value::Null)];
        }
        let orders = match document {
            Value::Array(orders) => orders,
            Value::Object(mut envelope) => match (envelope.remove("orders"), envelope.remove("order")) {
                (Some(Value::Array(orders)), _) => orders,
                (_, Some(order)) => vec![order],
                _ => vec![Value::Object(envelope)],
            },
            other => vec![other],
        };
        let mut bodies = Vec::new();
        for mut order in orders {
            let refunds = order.get_mut("refunds").map(Value::take);
            bodies.push((order, json!({ "topic": "orders/create" })));
            let Some(Value::Array(refunds)) = refunds else { continue };
            bodies.extend(refunds.into_iter().map(|refund| (refund, json!({ "topic": "refunds/create" }))));
        }
        bodies
    }
}

/// PostHog's exports have objects as texts in some of their forms.
pub(super) fn unfolded(format: ImportFormat, mut row: Value) -> Value {
    if let (ImportFormat::PostHog, Some(members)) = (format, row.as_object_mut()) {
        let nested: Vec<(String, Value)> = members
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("properties.")?.to_owned(), value.clone())))
            .collect();
        let properties = members.entry("properties").or_insert_with(|| json!({}));
        if let Some(read) = properties.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            *properties = read;
        }
        if let Some(properties) = properties.as_object_mut() {
            properties.extend(nested);
        }
    }
    row
}

/// What a file is that can't be CSV, by its first bytes.
pub(super) fn not_text(path: &Path, first: &[u8]) -> Option<&'static str> {
    match first {
        [b'P', b'K', 3 | 5, ..] => Some("it is a ZIP archive or a spreadsheet: unpack it, or save it as CSV"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("it is UTF-16: convert it (iconv -f utf-16 -t utf-8)"),
        [b'P', b'A', b'R', b'1', ..] => Some("it is a Parquet file: export it as CSV or JSON lines"),
        _ if first.contains(&0) => Some("it is no text"),
        _ if first.is_empty() && path != Path::new("-") => Some("it is empty"),
        _ => None,
    }
}
