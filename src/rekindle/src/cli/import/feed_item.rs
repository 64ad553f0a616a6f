//! One item of a product feed: its elements become a row.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event as XmlEvent};
use serde_json::{Map, Value};

use super::format::UnreadableItem;

/// How deep elements are nested at most.
const DEPTH_MAX: usize = 16;
/// Where Google's names are, and those that shops add to them.
const GOOGLE_NAMESPACES: [&[u8]; 2] = [b"http://base.google.com/ns/1.0", b"http://base.google.com/cns/1.0"];

/// Which names of a file are Google's.
#[derive(Debug, Default)]
pub(super) struct FeedNames {
    /// Prefixes beside `g`, which is one even where nothing says so.
    prefixes: Vec<Vec<u8>>,
}

/// The most prefixes that are remembered.
const PREFIXES_MAX: usize = 16;

impl FeedNames {
    /// Notes the prefixes that an element declares.
    pub(super) fn add_prefixes(&mut self, tag: &BytesStart<'_>) {
        for attribute in tag.attributes().filter_map(Result::ok) {
            let is_googles = GOOGLE_NAMESPACES.contains(&attribute.value.as_ref());
            if let Some(prefix) = attribute.key.as_ref().strip_prefix(b"xmlns:")
                && is_googles
                && self.prefixes.len() < PREFIXES_MAX
            {
                self.prefixes.push(prefix.to_vec());
            }
        }
    }

    /// Whether a name is Google's, and the name without the prefix that says so.
    fn resolve<'n>(&self, name: &'n [u8]) -> (bool, &'n [u8]) {
        let colon = name.iter().position(|byte| *byte == b':');
        match colon.map(|colon| (&name[..colon], &name[colon + 1..])) {
            Some((prefix, local)) if prefix == b"g" || self.prefixes.iter().any(|known| known == prefix) => {
                (true, local)
            }
            _ => (false, name),
        }
    }
}

/// An item while it is read.
pub(super) struct FeedItem<'n> {
    names: &'n FeedNames,
    /// The item, and the elements in it that are open.
    open: Vec<OpenElement>,
    /// The first thing that is wrong with it.
    problem: Option<UnreadableItem>,
}

struct OpenElement {
    name: Vec<u8>,
    text: String,
    /// Where a link of Atom's points to.
    href: Option<String>,
    elements: Map<String, Value>,
    /// Google's elements, which count before others of the same name.
    googles: Map<String, Value>,
}

impl OpenElement {
    fn new(name: &[u8]) -> OpenElement {
        let (elements, googles) = (Map::new(), Map::new());
        OpenElement { name: name.to_vec(), text: String::new(), href: None, elements, googles }
    }

    /// Its elements if it has some, or else its text.
    fn into_value(self) -> Option<Value> {
        let mut elements = self.elements;
        elements.extend(self.googles);
        if !elements.is_empty() {
            return Some(Value::Object(elements));
        }
        let text = Some(self.text.trim().to_owned()).filter(|text| !text.is_empty());
        text.or(self.href).map(Value::String)
    }
}

impl FeedItem<'_> {
    pub(super) fn new<'n>(name: &[u8], names: &'n FeedNames) -> FeedItem<'n> {
        FeedItem { names, open: vec![OpenElement::new(name)], problem: None }
    }

    /// Takes what comes next; `true`: it was the item's end.
    pub(super) fn take(&mut self, event: &XmlEvent<'_>) -> bool {
        let taken = match event {
            XmlEvent::Start(tag) => self.begin(tag),
            XmlEvent::Empty(tag) => self.begin(tag).and_then(|()| self.end(tag.name().as_ref()).map(|_| ())),
            XmlEvent::End(tag) => match self.end(tag.name().as_ref()) {
                Ok(true) => return true,
                other => other.map(|_| ()),
            },
            XmlEvent::Text(text) => {
                text.xml10_content().map_err(|_| UnreadableItem::NotUtf8).map(|text| self.add(&text))
            }
            XmlEvent::CData(text) => {
                text.xml10_content().map_err(|_| UnreadableItem::NotUtf8).map(|text| self.add(&text))
            }
            XmlEvent::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => {
                    self.add(character.encode_utf8(&mut [0; 4]));
                    Ok(())
                }
                Ok(None) => self.add_entity(reference),
                Err(error) => Err(UnreadableItem::NotXml { detail: error.to_string() }),
            },
            _ => Ok(()),
        };
        if let Err(problem) = taken {
            self.problem.get_or_insert(problem);
        }
        false
    }

    /// The row.
    pub(super) fn into_row(mut self) -> Result<Value, UnreadableItem> {
        match (self.problem.take(), self.open.pop()) {
            (Some(problem), _) => Err(problem),
            (None, item) => {
                let mut elements = Map::new();
                if let Some(item) = item {
                    elements = item.elements;
                    elements.extend(item.googles);
                }
                Ok(Value::Object(elements))
            }
        }
    }

    fn begin(&mut self, tag: &BytesStart<'_>) -> Result<(), UnreadableItem> {
        if self.open.len() >= DEPTH_MAX {
            let detail = format!("elements are nested in more than {DEPTH_MAX} others");
            return Err(UnreadableItem::NotXml { detail });
        }
        let mut element = OpenElement::new(tag.name().as_ref());
        let value = |name: &str| {
            let attribute = tag.try_get_attribute(name).ok().flatten()?;
            let value = attribute.decoded_and_normalized_value(XmlVersion::Implicit1_0, tag.decoder()).ok()?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        if tag.name().as_ref() == b"link" && value("rel").is_none_or(|rel| rel == "alternate") {
            element.href = value("href");
        }
        self.open.push(element);
        Ok(())
    }

    /// Ends an element; `true`: the item.
    fn end(&mut self, name: &[u8]) -> Result<bool, UnreadableItem> {
        let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let is_opened_last = self.open.last().is_some_and(|element| element.name == name);
        match (self.open.len(), self.open.first()) {
            (1, _) if is_opened_last => return Ok(true),
            (_, Some(item)) if item.name == name && !self.open[1..].iter().any(|element| element.name == name) => {
                let open = self.open.last().map(|element| shown(&element.name)).unwrap_or_default();
                self.problem.get_or_insert(UnreadableItem::NotXml { detail: format!("<{open}> is not closed") });
                return Ok(true);
            }
            _ => {}
        }
        if !is_opened_last || self.open.len() == 1 {
            return Err(UnreadableItem::NotXml { detail: format!("</{}> closes what is not open", shown(name)) });
        }
        let (Some(element), Some(parent)) = (self.open.pop(), self.open.len().checked_sub(1)) else { return Ok(false) };
        let Ok(name) = std::str::from_utf8(name) else { return Err(UnreadableItem::NotUtf8) };
        let (is_googles, name) = self.names.resolve(name.as_bytes());
        let name = String::from_utf8_lossy(name).into_owned();
        if let Some(value) = element.into_value() {
            let parent = &mut self.open[parent];
            add_element(if is_googles { &mut parent.googles } else { &mut parent.elements }, name, value);
        }
        Ok(false)
    }

    fn add(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut() {
            element.text.push_str(text);
        }
    }

    fn add_entity(&mut self, name: &[u8]) -> Result<(), UnreadableItem> {
        let text = match name {
            b"amp" => "&",
            b"lt" => "<",
            b"gt" => ">",
            b"quot" => "\"",
            b"apos" => "'",
            // Of HTML, not of XML, but often met.
            b"nbsp" => "\u{a0}",
            _ => {
                let name: String = String::from_utf8_lossy(name).chars().take(40).collect();
                let detail = format!("`&{name};` is no entity of XML, and DTDs are not read");
                return Err(UnreadableItem::NotXml { detail });
            }
        };
        self.add(text);
        Ok(())
    }
}

/// An element that is there several times is an array.
fn add_element(elements: &mut Map<String, Value>, name: String, value: Value) {
    match elements.get_mut(&name) {
        None => {
            elements.insert(name, value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}
