//! The items of orders: `items` of `[growth]` and what belongs to it.

use super::OrderItemRules;
use crate::document::TomlSection;
use crate::event::FieldId;
use crate::rules::ruleset::{EventName, NameId};
use crate::rules::tables::RulesReader;

/// The keys that need `items`.
const ITEM_KEYS: [&str; 4] = ["item_category", "item_price", "item_quantity", "item_id"];

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
        let id_property = id_property.map_or("product_id", |text| text.get_ref()).to_owned();
        let mut value = |key, default| self.item_value(section, (id, &items.id), key, default);
        Some(OrderItemRules {
            name: id,
            category: value(Some("item_category"), "category")?,
            price: value(Some("item_price"), "price")?,
            quantity: value(Some("item_quantity"), "quantity")?,
            id: value(Some("item_id"), "product_id")?,
            title: value(None, "name")?,
            id_property,
        })
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
