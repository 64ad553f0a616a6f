use super::*;

const SECRET: &str = "hush-hush-hush";

fn webhook(kind: ShopKind) -> ShopWebhook {
    let table = builtin_table(match kind {
        ShopKind::Shopify => "shopify",
        ShopKind::WooCommerce => "woocommerce",
    });
    let grant = Arc::new(KeyGrant::of_webhook("shop", "events.collect"));
    ShopWebhook { kind, secret: SECRET.as_bytes().to_vec(), table, grant }
}

fn deliver(kind: ShopKind, topic: &str, body: &str, signature: Option<&str>) -> WebhookDelivery {
    let (header, topic_header) = match kind {
        ShopKind::Shopify => ("x-shopify-hmac-sha256", "x-shopify-topic"),
        ShopKind::WooCommerce => ("x-wc-webhook-signature", "x-wc-webhook-topic"),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    let own = BASE64.encode(mac.finalize().into_bytes());
    let headers = [
        (topic_header.parse().expect("a name"), topic.parse().expect("a value")),
        (header.parse().expect("a name"), signature.unwrap_or(&own).parse().expect("a value")),
    ];
    webhook(kind).calls(&headers.into_iter().collect(), body.as_bytes())
}

fn only(kind: ShopKind, topic: &str, body: &Value) -> Value {
    match deliver(kind, topic, &body.to_string(), None) {
        WebhookDelivery::Calls(mut calls) if calls.len() == 1 => calls.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn shopify_orders_have_exact_amounts_ids_as_text_and_products() {
    let order = json!({
        "id": 820982911946154508_u64, "email": "jon@example.com", "created_at": "2026-03-05T05:00:00-05:00", "currency": "USD",
        "total_price": "398.00", "subtotal_price": "388.10", "total_tax": "0.00", "total_discounts": "20.00",
        "customer": {"id": 115310627314723954_u64}, "discount_codes": [{"code": "BACK-1", "amount": "20.00"}],
        "line_items": [{"product_id": 788032119674292922_u64, "variant_id": 1, "sku": "S1", "title": "Shoe", "price": "199.00", "quantity": 2}]
    });
    let expected = json!({
        "type": "track", "event": "Order Completed", "userId": "115310627314723954",
        "anonymousId": "shopify-order-820982911946154508", "messageId": "shopify-order-820982911946154508",
        "timestamp": "2026-03-05T05:00:00-05:00",
        "properties": {
            "order_id": "820982911946154508", "total": 398.0, "revenue": 388.1, "subtotal": 388.1, "tax": 0.0, "discount": 20.0,
            "currency": "USD", "coupon": "BACK-1",
            "products": [{"product_id": "788032119674292922", "variant_id": "1", "sku": "S1", "name": "Shoe", "price": 199.0, "quantity": 2}]
        },
        "context": {}
    });
    assert_eq!(only(ShopKind::Shopify, "orders/create", &order), expected);
}

#[test]
fn a_shopify_refund_finds_its_customer_by_the_order() {
    let refund = json!({
        "id": 509562969_u64, "order_id": 820982911946154508_u64, "created_at": "2026-03-06T10:00:00Z", "note": "too small",
        "refund_line_items": [{"quantity": 1, "line_item": {"product_id": 7, "sku": "S1", "title": "Shoe", "price": "199.00"}}],
        "transactions": [{"amount": "199.00", "currency": "USD", "kind": "refund"}]
    });
    let call = only(ShopKind::Shopify, "refunds/create", &refund);
    assert_eq!(
        (&call["event"], &call["anonymousId"]),
        (&json!("Order Refunded"), &json!("shopify-order-820982911946154508"))
    );
    assert_eq!(call["properties"]["total"], 199.0);
    assert_eq!(call["properties"]["products"][0]["product_id"], "7");
}

#[test]
fn shopify_customers_and_checkouts_are_taken() {
    let customer = json!({"id": 7, "email": "a@b.c", "first_name": "A", "updated_at": "2026-03-06T10:00:00Z",
                          "default_address": {"city": "Ulm", "country_code": "DE"}});
    let call = only(ShopKind::Shopify, "customers/update", &customer);
    assert_eq!(
        (&call["type"], &call["userId"], &call["traits"]["email"]),
        (&json!("identify"), &json!("7"), &json!("a@b.c"))
    );
    let checkout = json!({"id": 9, "token": "t1", "email": "a@b.c", "created_at": "2026-03-06T10:00:00Z", "total_price": "5.00", "line_items": []});
    let call = only(ShopKind::Shopify, "checkouts/create", &checkout);
    assert_eq!(
        (&call["event"], &call["userId"], &call["properties"]["total"]),
        (&json!("Checkout Started"), &json!("a@b.c"), &json!(5.0))
    );
}

#[test]
fn woocommerce_orders_refunds_and_customers_are_taken() {
    let order = json!({"id": 727, "status": "processing", "currency": "EUR", "total": "29.35", "customer_id": 0,
                       "billing": {"email": "guest@b.c"}, "date_created_gmt": "2026-03-05T10:00:00", "total_tax": "1.35",
                       "line_items": [{"product_id": 93, "name": "Cap", "price": 14.675, "quantity": 2, "sku": "c"}]});
    let call = only(ShopKind::WooCommerce, "order.updated", &order);
    assert_eq!(
        (&call["event"], &call["userId"], &call["messageId"]),
        (&json!("Order Completed"), &json!("guest@b.c"), &json!("woocommerce-order-727"))
    );
    assert_eq!(
        (&call["properties"]["total"], &call["properties"]["products"][0]["product_id"]),
        (&json!(29.35), &json!("93"))
    );
    let mut refunded = order;
    (refunded["status"], refunded["customer_id"]) = (json!("refunded"), json!(4));
    let call = only(ShopKind::WooCommerce, "order.updated", &refunded);
    assert_eq!((&call["event"], &call["userId"]), (&json!("Order Refunded"), &json!("wc-4")));
    let customer = json!({"id": 4, "email": "a@b.c", "date_created_gmt": "2026-03-05T10:00:00"});
    assert_eq!(only(ShopKind::WooCommerce, "customer.created", &customer)["userId"], "wc-4");
}

#[test]
fn what_is_not_signed_by_the_shop_is_forged() {
    for signature in ["", "x", "AAAA", "q83v"] {
        let delivery = deliver(ShopKind::Shopify, "orders/create", "{}", Some(signature));
        assert_eq!(delivery, WebhookDelivery::Forged, "{signature}");
    }
    let test = webhook(ShopKind::WooCommerce).calls(&HeaderMap::new(), b"webhook_id=7");
    assert_eq!(test, WebhookDelivery::Nothing, "a shop that tries the address out");
    assert_eq!(deliver(ShopKind::Shopify, "products/create", "{}", None), WebhookDelivery::Nothing);
}
