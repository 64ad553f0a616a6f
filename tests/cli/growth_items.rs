//! The items of orders in the growth numbers, by a name with `each`.

use serde_json::{Value, json};

use super::growth_commands::{event, folder_with, json as growth, with_all_pairs};

const RULES: &str = r#"
[events]
view = "Product Viewed"
order = { event = "Order Completed", let = { net = "properties.total - properties.tax" } }
line = { event = "Order Completed", each = "cart.lines", where = "item.kind != 'gift'", let = { price = "item.cents / 100" } }

[growth]
order_value = "net"
items = "line"
item_category = "brand"
item_quantity = "count"
item_id = "sku"
"#;

fn buy(at: &str, total: u32, tax: u32, lines: &[Value]) -> String {
    let properties =
        json!({ "total": total, "tax": tax, "cart": { "lines": lines }, "products": [{ "brand": "None" }] });
    let inside = properties.to_string();
    event(at, "\"userId\":\"u\"", "Order Completed", &inside[1..inside.len() - 1])
}

fn line(sku: &str, brand: &str, cents: u32) -> Value {
    json!({ "sku": sku, "name": format!(" The {sku} "), "brand": brand, "cents": cents, "kind": "ware" })
}

#[test]
fn an_order_is_split_by_the_brands_of_its_items() {
    let gift = json!({ "sku": "pen", "brand": "Pens", "cents": 9_000, "kind": "gift" });
    let two = json!({ "sku": "cup", "brand": "Cups", "cents": 1_000, "count": 2, "kind": "ware" });
    let folder = folder_with(
        RULES,
        &[
            buy("02T10:00:00", 55, 5, &[two, line("tea", "Teas", 500), gift.clone(), json!("no object")]),
            buy("02T11:00:00", 12, 2, &[json!({ "sku": "odd", "cents": 1, "kind": "ware" })]),
            buy("02T12:00:00", 7, 0, &[gift]),
        ],
    );
    let numbers = growth(folder.path(), &["numbers", "--json"]);
    let day = &numbers["days"][0];
    assert_eq!(day["all"]["gmv"], json!(67.0), "net of tax");
    let sold: Vec<(&Value, &Value)> =
        day["categories"].as_array().expect("categories").iter().map(|one| (&one["category"], &one["gmv"])).collect();
    assert_eq!(sold, [(&json!("Cups"), &json!(40.0)), (&json!("Teas"), &json!(10.0))]);
}

#[test]
fn baskets_are_of_the_items() {
    let gift = json!({ "sku": "pen", "cents": 9_000, "kind": "gift" });
    let folder = folder_with(
        RULES,
        &[
            event("02T09:00:00", "\"userId\":\"u\"", "Product Viewed", "\"sku\":\"pot\""),
            buy("02T09:10:00", 5, 0, &[line("cup", "a", 1), line("tea", "b", 1), gift]),
        ],
    );
    let output = growth(folder.path(), &with_all_pairs(&["baskets", "--json"]));
    assert_eq!(output["item"], json!("sku"));
    let pairs = |kind: usize| {
        let rules = output["baskets"][kind]["rules"].as_array().expect("rules").iter();
        let mut pairs: Vec<Vec<&str>> = rules
            .map(|rule| {
                let mut pair = vec![rule["item"].as_str().expect("a text"), rule["with"].as_str().expect("a text")];
                pair.sort_unstable();
                pair
            })
            .collect();
        pairs.sort();
        pairs
    };
    assert_eq!(pairs(0), [["cup", "tea"]]);
    assert_eq!(pairs(1), [["cup", "pot"], ["cup", "tea"], ["pot", "tea"]]);
    let rule = &output["baskets"][0]["rules"][0];
    assert!([&rule["item_name"], &rule["with_name"]].contains(&&json!("The cup")), "{rule}");
    let by_brand = growth(folder.path(), &with_all_pairs(&["baskets", "--json", "--item", "brand"]));
    assert_eq!(by_brand["baskets"][0]["baskets"], json!(1), "{by_brand}");
}
