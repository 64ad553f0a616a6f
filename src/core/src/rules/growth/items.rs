//! The items of orders: `items` of `[growth]` and what belongs to it; and which of them count as sold by lists of picks.

use super::{OrderItemRules, PickSaleRules};
use crate::document::TomlSection;
use crate::event::FieldId;
use crate::rules::ruleset::{EventName, NameId};
use crate::rules::tables::RulesReader;
use crate::time::Span;

/// The keys that need `items`.
const ITEM_KEYS: [&str; 4] = ["item_category", "item_price", "item_quantity", "item_id"];
/// The keys that need `[[picks]]`.
const PICK_KEYS: [&str; 2] = ["picks_shown", "picks_within"];
/// How long after an item was shown an order of it counts.
const PICKS_WITHIN: Span = Span(7 * 86_400_000);
/// What identifies a product where no other property is named.
const ITEM_ID: &str = "product_id";

impl<'t> RulesReader<'t> {
    /// The items of orders. `None`: there are none, or they have a mistake, which was reported.
    pub(super) fn order_items(
        &mut self,
        section: &TomlSection<'t>,
        orders: NameId,
        names: &[EventName],
    ) -> Option<OrderItemRules> {
        if section.get("items").is_none() {
            for key in ITEM_KEYS {
                if let Some(value) = section.get(key) {
                    let help =
                        "add items = \"line\", the name in [events] whose `each` is the array of an order's products";
                    self.problems.add(
                        &value.span(),
                        format!("`{key}` is of the items of orders, and there are none"),
                        help,
                    );
                }
            }
            return None;
        }
        let text = section.string("items", &mut self.problems)?;
        let id = self.event_name(&text)?;
        // A name with a mistake is not among them.
        let (items, order) = (named(names, text.get_ref())?, names.iter().find(|name| self.is(name, orders))?);
        if items.each.is_none() {
            let message = format!("`{}` has no `each`, so it has no items", items.id);
            let help = "define them in [events]: line = { event = \"Order Completed\", each = \"products\" }";
            self.problems.add(&text.span(), message, help);
            return None;
        }
        if (items.call, &items.event) != (order.call, &order.event) {
            let message = format!("the items `{}` are of another event than the orders, `{}`", items.id, order.id);
            self.problems.add(&text.span(), message, "both names must have the same `event`");
            return None;
        }
        let id_property = section.string("item_id", &mut self.problems);
        let id_property = id_property.map_or(ITEM_ID, |text| text.get_ref()).to_owned();
        let mut value = |key, default| self.item_value(section, (id, &items.id), key, default);
        Some(OrderItemRules {
            name: id,
            category: value(Some("item_category"), "category")?,
            price: value(Some("item_price"), "price")?,
            quantity: value(Some("item_quantity"), "quantity")?,
            id: value(Some("item_id"), ITEM_ID)?,
            title: value(None, "name")?,
            id_property,
        })
    }

    /// What counts as sold by lists of picks. `None`: the rules have none, or there is a mistake, which was reported.
    pub(super) fn pick_sales(&mut self, section: &TomlSection<'t>, names: &[EventName]) -> Option<PickSaleRules> {
        if self.symbols.pick_order.is_empty() {
            for (key, value) in PICK_KEYS.iter().filter_map(|key| Some((key, section.get(key)?))) {
                let message = format!("`{key}` is of lists of picks, and these rules have none");
                self.problems.add(&value.span(), message, "add a list: [[picks]] with id = \"for_you\"");
            }
            return None;
        }
        let within = section.duration("picks_within", &mut self.problems).unwrap_or(PICKS_WITHIN);
        let item = section.string("item_id", &mut self.problems);
        let mut shown = Vec::new();
        for name in section.strings("picks_shown", &mut self.problems).unwrap_or_default() {
            // A name with a mistake is not among them.
            let Some((id, known)) = self.event_name(&name).zip(named(names, name.get_ref())) else { continue };
            shown.push((id, self.value_of(section, Some((id, &known.id)), item.as_ref(), ITEM_ID)?));
        }
        Some(PickSaleRules { within, shown })
    }

    fn item_value(
        &mut self,
        section: &TomlSection<'t>,
        (id, name): (NameId, &str),
        key: Option<&'static str>,
        default: &str,
    ) -> Option<FieldId> {
        let text = key.and_then(|key| section.string(key, &mut self.problems));
        self.value_of(section, Some((id, name)), text.as_ref(), default)
    }

    fn is(&self, name: &EventName, id: NameId) -> bool {
        self.symbols.names.get(&name.id) == Some(&id)
    }
}

fn named<'n>(names: &'n [EventName], id: &str) -> Option<&'n EventName> {
    names.iter().find(|name| name.id == id)
}
