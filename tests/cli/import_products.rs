//! `rekindle import products`: catalogues become rows of tables, which the engine takes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::import::{Imported, folder, import};

/// The properties of what was imported.
fn properties(imported: &Imported) -> Vec<&Value> {
    imported.calls.iter().map(|call| &call["properties"]).collect()
}

/// One property of each.
fn column(imported: &Imported, name: &str) -> Vec<Value> {
    properties(imported).into_iter().map(|properties| properties[name].clone()).collect()
}

/// A feed of these items.
fn rss(items: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss xmlns:g=\"http://base.google.com/ns/1.0\" version=\"2.0\">\n<channel>\n\
         <title>A shop</title>\n<link>https://shop.example</link>\n{items}</channel>\n</rss>\n"
    )
}

#[test]
fn shopifys_rows_become_variants_with_what_belongs_to_their_product() {
    let shopify = "Handle,Title,Vendor,Variant SKU,Variant Price,Variant Inventory Qty,Image Src,Status\n\
        shoe,Shoe,Acme,s-40,49.90,3,a.png,active\nshoe,,,s-41,59.90,0,,\nshoe,,,,,,b.png,\nhat,Hat,Acme,,9.50,1,,draft\n";
    let shop = folder("a.csv", shopify);
    let imported = import(shop.path(), &["products", "a.csv"]);
    assert!(imported.succeeded, "{}", imported.said);
    assert_eq!(
        properties(&imported)[..2],
        [
            &json!({"product_id": "s-40", "handle": "shoe", "title": "Shoe", "brand": "Acme", "price": 49.90, "inventory": 3, "in_stock": true, "status": "active"}),
            &json!({"product_id": "s-41", "handle": "shoe", "title": "Shoe", "brand": "Acme", "price": 59.90, "inventory": 0, "in_stock": false, "status": "active"}),
        ]
    );
    assert_eq!(column(&imported, "product_id"), [json!("s-40"), json!("s-41"), json!("hat")]);
    let call = &imported.calls[0];
    assert_eq!((&call["type"], &call["event"]), (&json!("track"), &json!("Product Updated")));
    assert!(call.get("userId").is_none() && call["timestamp"].is_string(), "{call}");
    let new = "Title,URL handle,Vendor,SKU,Price,Compare-at price,Inventory quantity,Status\nShoe,shoe,Acme,s-40,49.90,60.00,3,Active\n";
    let imported = import(folder("b.csv", new).path(), &["products", "b.csv"]);
    let expected = json!({"product_id": "s-40", "handle": "shoe", "title": "Shoe", "brand": "Acme", "price": 49.90, "compare_at_price": 60.00,
        "inventory": 3, "in_stock": true, "status": "Active"});
    assert_eq!(properties(&imported), [&expected], "{}", imported.said);
}

#[test]
fn googles_text_with_tabs_has_sale_prices_while_they_hold() {
    // The second row has no link: it is read like the others.
    let google = "id\ttitle\tlink\tavailability\tprice\tsale price\tsale price effective date\n\
        g1\tA\thttps://a\tin_stock\t15.00 USD\t12.00 USD\t\n\
        g2\tB\t\tout of stock\t1,015.00 USD\t12.00 USD\t2001-01-01T00:00+0000/2001-02-01T00:00+0000\n";
    let imported = import(folder("feed.tsv", google).path(), &["products", "feed.tsv"]);
    assert_eq!(column(&imported, "product_id"), [json!("g1"), json!("g2")], "{}", imported.said);
    assert_eq!(column(&imported, "price"), [json!(12.00), json!(1_015.00)]);
    assert_eq!(column(&imported, "list_price"), [json!(15.00), json!(1_015.00)]);
    assert_eq!(column(&imported, "in_stock"), [json!(true), json!(false)]);
}

#[test]
fn other_columns_are_guessed_and_the_guess_is_shown() {
    let own = "SKU;Unit price;In stock;Rank;EAN\n7;1.5;yes;3;0012\n8;2;no;;12\n;2;no;;\n";
    let shop = folder("own.csv", own);
    let imported = import(shop.path(), &["products", "own.csv", "--rejected", "r.jsonl"]);
    let expected = [
        json!({"product_id": "7", "unit_price": 1.5, "in_stock": true, "rank": 3, "ean": "0012"}),
        json!({"product_id": "8", "unit_price": 2, "in_stock": false, "ean": "12"}),
    ];
    assert_eq!(properties(&imported), expected.iter().collect::<Vec<_>>(), "{}", imported.said);
    assert!(
        imported.said.contains("1 no_key, the first at own.csv:4: the row has no `product_id`"),
        "{}",
        imported.said
    );
    let rejected: Value =
        serde_json::from_str(&fs::read_to_string(shop.path().join("r.jsonl")).expect("a file")).expect("JSON");
    assert_eq!((&rejected["reason"], &rejected["line"]), (&json!("no_key"), &json!(4)));
    let shown = import(shop.path(), &["products", "own.csv", "--dry-run"]);
    for part in
        ["guessed from the names of the columns", "type = \"row\"", "row_key = \"product_id\"", "Unit price as number"]
    {
        assert!(shown.said.contains(part), "{part} is not in\n{}", shown.said);
    }
    // What was printed can be edited and named.
    let printed = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .current_dir(shop.path())
        .args(["import", "products", "own.csv", "--print-mapping"])
        .output();
    fs::write(shop.path().join("m.toml"), printed.expect("it runs").stdout).expect("written");
    let again = import(shop.path(), &["products", "own.csv", "--mapping", "m.toml"]);
    assert_eq!(again.calls, imported.calls, "{}", again.said);
}

#[test]
fn json_has_objects_with_whatever_they_have() {
    let lines = "{\"id\":17,\"price\":\"3.50\",\"stock\":{\"count\":2}}\n\
        {\"products\":[{\"product_id\":\"x\",\"price\":{\"value\":\"2.00\",\"currency\":\"EUR\"}},{\"title\":\"no key\"},\n]}\n";
    let lines = lines.replace(",\n]}", "]}");
    let imported = import(folder("p.jsonl", lines).path(), &["products", "p.jsonl"]);
    let expected = [
        json!({"id": 17, "product_id": "17", "price": 3.50, "stock": {"count": 2}}),
        json!({"product_id": "x", "price": 2.00}),
    ];
    assert_eq!(properties(&imported), expected.iter().collect::<Vec<_>>(), "{}", imported.said);
    assert!(imported.said.contains("1 no_key, the first at p.jsonl:2"), "{}", imported.said);
}

#[test]
fn googles_xml_is_read_as_rss_and_as_atom() {
    let items = "<item>\n  <g:id>A-1</g:id>\n  <title>plain</title><g:title>Shoes &amp; <![CDATA[<b>boots</b>]]> &#8364;</g:title>\n\
        <link>https://a</link> <g:price>15.00 USD</g:price><g:sale_price>12.00 USD</g:sale_price>\n\
        <g:availability>in_stock</g:availability><g:product_type>Home &gt; Shoes</g:product_type>\n\
        <g:shipping><g:country>US</g:country><g:price>6.49 USD</g:price></g:shipping>\n\
        <g:additional_image_link>https://1</g:additional_image_link><g:additional_image_link>https://2</g:additional_image_link></item>\n\
        <item><!-- nothing --><g:id>A-2</g:id><g:availability>out_of_stock</g:availability><g:price>9 USD</g:price><g:brand>AT&T</g:brand></item>\n";
    let atom = "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:m=\"http://base.google.com/ns/1.0\">\n<title>t</title>\n\
        <entry><id>https://a/tag</id><m:id>A-1</m:id><title>T</title><link rel=\"self\" href=\"https://self\"/>\n\
        <link href=\"https://a?x=1&amp;y=2\"/><m:price>15.00 USD</m:price><m:availability>in stock</m:availability></entry></feed>";
    let shop = folder("feed.xml", rss(items));
    fs::write(shop.path().join("atom.xml"), atom).expect("written");
    let imported = import(shop.path(), &["products", "feed.xml"]);
    let expected = [
        json!({"product_id": "A-1", "title": "Shoes & <b>boots</b> €", "url": "https://a", "price": 12.00, "list_price": 15.00,
            "availability": "in_stock", "in_stock": true, "category": "Home > Shoes"}),
        json!({"product_id": "A-2", "brand": "AT&T", "price": 9, "list_price": 9, "availability": "out_of_stock", "in_stock": false}),
    ];
    assert_eq!(properties(&imported), expected.iter().collect::<Vec<_>>(), "{}", imported.said);
    let imported = import(shop.path(), &["products", "atom.xml"]);
    let expected = json!({"product_id": "A-1", "title": "T", "url": "https://a?x=1&y=2", "price": 15.00, "list_price": 15.00,
        "availability": "in stock", "in_stock": true});
    assert_eq!(properties(&imported), [&expected], "{}", imported.said);
    // An own mapping has all of an item.
    let own = "[[calls]]\ntype = 'row'\nevent = \"'P'\"\nrow_key = 'sku'\ntimestamp = '@request.time'\n[calls.properties.fields]\nsku = 'id'\n\
        shipping = 'shipping.price as amount'\nimage = 'additional_image_link.1'\n";
    fs::write(shop.path().join("m.toml"), own).expect("written");
    let imported = import(shop.path(), &["products", "feed.xml", "--mapping", "m.toml"]);
    assert_eq!(
        properties(&imported)[0],
        &json!({"sku": "A-1", "shipping": 6.49, "image": "https://2"}),
        "{}",
        imported.said
    );
}

#[test]
fn a_dry_run_shows_the_mapping_of_a_feed_packed_or_from_standard_input() {
    let feed = rss("<item><g:id>A-1</g:id><g:price>15.00 USD</g:price></item>\n");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(feed.as_bytes()).expect("memory");
    let shop = folder("feed.xml.gz", packer.finish().expect("memory"));
    let shown = import(shop.path(), &["products", "feed.xml.gz", "--dry-run"]);
    for part in [
        "built-in mapping google-products",
        "price = \"sale_price as amount | price as amount\"",
        "feed.xml.gz:6",
        "\"product_id\": \"A-1\"",
    ] {
        assert!(shown.said.contains(part), "{part} is not in\n{}", shown.said);
    }
    let mut piped = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    let piped = piped.args(["import", "products", "-"]).write_stdin(feed).output().expect("it runs");
    assert!(String::from_utf8_lossy(&piped.stdout).contains("A-1"), "{}", String::from_utf8_lossy(&piped.stderr));
}

#[test]
fn an_item_that_is_wrong_is_rejected_with_its_line_and_the_next_one_is_read() {
    let bomb = "<!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">\n\
        <!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n";
    let deep = format!("<item><g:id>deep</g:id>{}{}</item>\n", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let items = format!(
        "<item><g:id>1</g:id><title>&c;</title></item>\n<item><g:id>2</g:id><title>&x;</title></item>\n\
         <item><title>no id</title></item>\n<item/>\n<item><g:id>5</g:id><g:price>1</g:pric></item>\n{deep}\
         <item><g:id>7</g:id><title>{}</title></item>\n<item><g:id>8</g:id><!wrong></item>\n<item><g:id>{}</g:id></item>\n\
         <item><g:id>good</g:id><g:price>1.00 EUR</g:price></item>\n",
        "x".repeat(5 << 20),
        "k".repeat(300),
    );
    let mut feed = rss(&items).replace("<rss", &format!("{bomb}<rss")).into_bytes();
    let at = feed.windows(13).position(|part| part == b"<g:id>8</g:id").expect("the item");
    feed.splice(at..at, b"<title>caf\xe9</title>".iter().copied());
    let shop = folder("feed.xml", feed);
    let imported = import(shop.path(), &["products", "feed.xml", "--rejected", "r.jsonl"]);
    assert_eq!(column(&imported, "product_id"), [json!("good")], "{}", imported.said);
    let rejected = fs::read_to_string(shop.path().join("r.jsonl")).expect("a file");
    let lines: Vec<Value> = rejected.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let reasons: Vec<(u64, &str)> =
        lines.iter().filter_map(|line| Some((line["line"].as_u64()?, line["reason"].as_str()?))).collect();
    assert_eq!(
        reasons,
        [
            (8, "not_xml"),
            (9, "not_xml"),
            (10, "no_key"),
            (11, "no_key"),
            (12, "not_xml"),
            (13, "not_xml"),
            (14, "too_large"),
            (15, "not_xml"),
            (16, "no_key"),
        ],
        "{}",
        imported.said
    );
    assert!(lines[0]["detail"].as_str().is_some_and(|detail| detail.contains("`&c;` is no entity")), "{}", lines[0]);
    let longest = lines.iter().map(|line| line.to_string().len()).max();
    assert!(longest < Some(200_000), "what is kept of an item is bounded: {longest:?}");
    assert!(!rejected.contains("root:"), "no file is read");
}

#[test]
fn texts_that_are_not_utf_8_and_wrong_numbers_are_counted_with_their_place() {
    let item = |id: &str, price: &str| format!("<item><g:id>{id}</g:id><g:price>{price}</g:price></item>\n");
    let mut feed = rss(&[item("1", "12,50 EUR"), item("2", "12.50 EUR"), item("3", "free"), item("4", "ab")].concat())
        .into_bytes();
    let at = feed.windows(2).position(|part| part == b"ab").expect("the text");
    feed[at] = 0xff;
    let imported = import(folder("feed.xml", feed).path(), &["products", "feed.xml"]);
    assert_eq!(column(&imported, "price"), [json!(null), json!(12.50), json!(null)], "{}", imported.said);
    for part in [
        "2 values of sale_price as amount | price as amount, the first at feed.xml:6: `12,50 EUR`",
        "1 not_utf8, the first at feed.xml:9",
    ] {
        assert!(imported.said.contains(part), "{part} is not in\n{}", imported.said);
    }
    let rows = |prices: &str| format!("id,price\n{prices}");
    for (prices, expected) in [
        ("1,\"12,50 EUR\"\n2,\"1.012,50 EUR\"\n", [json!(12.50), json!(1_012.50)]),
        ("1,12.50 EUR\n2,EUR 7\n", [json!(12.50), json!(7)]),
        ("1,12.50 EUR\n2,12.50 EUR each\n", [json!(12.50), json!(12.50)]),
        ("1,12.50\n2,ask\n", [json!(12.50), json!(null)]),
    ] {
        let imported = import(folder("p.csv", rows(prices)).path(), &["products", "p.csv"]);
        assert_eq!(column(&imported, "price"), expected, "{}", imported.said);
        assert!(imported.said.contains("is read as amounts"), "{}", imported.said);
    }
}

#[test]
fn a_catalogue_that_is_none_says_so() {
    let cut = rss("<item><g:id>1</g:id></item>\n<item><g:id>2");
    for (content, part) in [
        (String::new(), "it is empty"),
        (" \n".to_owned(), "it is empty"),
        ("a,b\n1,2\n".to_owned(), "no column has a product's key (product_id, id, sku); the columns are a, b"),
        ("<html><body>".to_owned(), "line 1: it begins with <html>: a product feed is RSS (<rss>) or Atom"),
        ("<!-- nothing -->".to_owned(), "it has no element"),
        (rss("").replace("UTF-8", "ISO-8859-1"), "it is in ISO-8859-1: convert it (iconv -f ISO-8859-1 -t utf-8)"),
        (rss(&format!("<!--{}-->", "x".repeat(5 << 20))), "a piece that is no item has more than 4194304 bytes"),
        (rss(&"<a>".repeat(20)), "elements are nested in more than 16 others"),
        (cut[..cut.len() - 19].to_owned(), "it ends inside of an item: it was cut off"),
        (cut[..cut.find("<item>").expect("an item")].to_owned(), "it ends before its elements are closed"),
        ("[]x".to_owned(), "all events were rejected"),
    ] {
        let imported = import(folder("a", &content).path(), &["products", "a"]);
        let start: String = content.chars().take(80).collect();
        assert!(!imported.succeeded && imported.said.contains(part), "{part}: {start}: {}", imported.said);
    }
    // What stands before the cut is imported.
    let imported = import(folder("a", &cut[..cut.len() - 19]).path(), &["products", "a"]);
    assert_eq!(column(&imported, "product_id"), [json!("1")]);
    let two = folder("a.csv", "id,price\n1,2\n");
    fs::write(two.path().join("b.csv"), "Handle,Variant SKU,Variant Price\na,b,1\n").expect("written");
    let imported = import(two.path(), &["products", "a.csv", "b.csv"]);
    assert!(
        !imported.succeeded && imported.said.contains("of another format than those of the first file"),
        "{}",
        imported.said
    );
}

const RULES: &str = "[events]\nview = { event = \"Product Viewed\" }\n\n\
    [tables.products]\nevent = \"Product Updated\"\nkey = \"product_id\"\nkeep = [\"price\", \"in_stock\", \"title\", \"description\"]\n\n\
    [per.product]\nkey = \"product_id\"\nttl = \"30d\"\ntable = \"products\"\n\n\
    [[segments]]\nid = \"cheap\"\nper = \"product\"\nwhen = \"count(view, '30d') > 0 && row.in_stock && row.price < 13\"\n\n\
    [[campaigns]]\nid = \"tell\"\non = \"enter:cheap\"\nchannel = \"push\"\n\
    payload_from = { title = \"row.title\", price = \"row.price\", has_description = \"has(row.description)\" }\n";

/// Writes a catalogue of a day of March 2026.
fn catalogue(folder: &Path, name: &str, content: &str, day: u64) {
    fs::write(folder.join(name), content).expect("written");
    let since = Duration::from_secs((20_513 + day - 1) * 86_400);
    let file = File::options().write(true).open(folder.join(name)).expect("the file");
    file.set_modified(SystemTime::UNIX_EPOCH + since).expect("its time");
}

#[test]
fn what_is_imported_are_rows_for_the_engine() {
    let offer = |id: &str, price: &str, stock: &str| {
        format!(
            "<item><g:id>{id}</g:id><title>Shoe {id}</title><g:price>{price} EUR</g:price><g:availability>{stock}</g:availability></item>\n"
        )
    };
    let shop = folder("rules.toml", RULES);
    let first =
        rss(&[offer("A", "15.00", "in_stock"), offer("B", "11.00", "out_of_stock"), offer("C", "12.00", "in_stock")]
            .concat());
    catalogue(shop.path(), "1.xml", &first, 1);
    let view = |user: &str, product: &str| {
        let properties = json!({ "product_id": product });
        json!({"type": "track", "event": "Product Viewed", "userId": user, "messageId": format!("{user}{product}"), "timestamp": "2026-03-01T12:00:00Z", "properties": properties})
    };
    let views: Vec<String> = ["A", "B", "C"].iter().map(|product| view("u", product).to_string()).collect();
    fs::write(shop.path().join("views.jsonl"), views.join("\n")).expect("written");
    // The next day's is a table: A is cheaper, B is there again, and C has 1 MB of text, which is too much for a value.
    let second = format!(
        "id,title,price,in_stock,description\nA,Shoe A,9.99,yes,\nB,Shoe B,11.00,yes,soft\nC,Shoe C,12.00,yes,{}\n",
        "x".repeat(1_000_000)
    );
    catalogue(shop.path(), "2.csv", &second, 2);
    for (file, rows) in [("1.xml", "1.jsonl"), ("2.csv", "2.jsonl")] {
        let imported = import(shop.path(), &["products", file, "--output", rows]);
        assert!(imported.succeeded, "{}", imported.said);
    }
    let replay = |files: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
        let command =
            command.current_dir(shop.path()).args(["replay", "--rules", "rules.toml", "--until", "2026-03-03"]);
        let output =
            command.args(["--actions", "a.jsonl", "--dead-letters", "d.jsonl"]).args(files).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert_eq!(fs::read_to_string(shop.path().join("d.jsonl")).expect("a file"), "", "{said}");
        let actions = fs::read_to_string(shop.path().join("a.jsonl")).expect("a file");
        let actions = actions.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        actions.map(|action| action["data"]["payload"].clone()).collect::<Vec<_>>()
    };
    let (a, b, c) = (
        json!({"title": "Shoe A", "price": 9.99, "has_description": false}),
        json!({"title": "Shoe B", "price": 11, "has_description": true}),
        json!({"title": "Shoe C", "price": 12, "has_description": false}),
    );
    assert_eq!(replay(&["1.jsonl", "views.jsonl"]), std::slice::from_ref(&c));
    assert_eq!(replay(&["1.jsonl", "views.jsonl", "2.jsonl"]), [c.clone(), a, b]);
    // The same catalogue again concerns nobody.
    assert_eq!(replay(&["1.jsonl", "views.jsonl", "1.jsonl"]), [c]);
    // A cell that no call can have is a rejection with its line.
    let long = format!("id,description\n1,{}\n2,short\n", "x".repeat(2_000_000));
    catalogue(shop.path(), "long.csv", &long, 2);
    let imported = import(shop.path(), &["products", "long.csv"]);
    assert_eq!(column(&imported, "product_id"), [json!("2")]);
    assert!(imported.said.contains("1 too_large, the first at long.csv:2"), "{}", imported.said);
}
