//! `db.json` of the retail domain.

use serde_json::{Value, json};

use super::{Import, elements, member, members, optional};

pub(super) fn import(rows: &mut Import, database: &Value) -> Result<(), String> {
    for (position, id, product) in members(database, "products")? {
        rows.add(
            "products",
            json!({"product_id": id, "position": position, "name": member(product, "name")?}),
        );
        for (position, item, variant) in members(product, "variants")? {
            rows.add(
                "variants",
                json!({
                    "product_id": id, "item_id": item, "position": position,
                    "available": member(variant, "available")?,
                    "price": member(variant, "price")?,
                    "options": member(variant, "options")?,
                }),
            );
        }
    }
    for (position, id, user) in members(database, "users")? {
        let (name, address) = (member(user, "name")?, member(user, "address")?);
        rows.add(
            "users",
            json!({
                "user_id": id, "position": position,
                "first_name": member(name, "first_name")?, "last_name": member(name, "last_name")?,
                "address1": member(address, "address1")?, "address2": member(address, "address2")?,
                "city": member(address, "city")?, "country": member(address, "country")?,
                "state": member(address, "state")?, "zip": member(address, "zip")?,
                "email": member(user, "email")?,
            }),
        );
        for (position, method, details) in members(user, "payment_methods")? {
            rows.add(
                "payment_methods",
                json!({
                    "user_id": id, "method_id": method, "position": position,
                    "source": member(details, "source")?, "brand": optional(details, "brand"),
                    "last_four": optional(details, "last_four"),
                    "balance": optional(details, "balance"),
                }),
            );
        }
        for (position, order) in elements(user, "orders")? {
            rows.add(
                "user_orders",
                json!({"user_id": id, "position": position, "order_id": order}),
            );
        }
    }
    for (position, id, order) in members(database, "orders")? {
        add_order(rows, position, id, order)?;
    }
    Ok(())
}

fn add_order(rows: &mut Import, position: usize, id: &str, order: &Value) -> Result<(), String> {
    let address = member(order, "address")?;
    rows.add(
        "orders",
        json!({
            "order_id": id, "position": position, "user_id": member(order, "user_id")?,
            "address1": member(address, "address1")?, "address2": member(address, "address2")?,
            "city": member(address, "city")?, "country": member(address, "country")?,
            "state": member(address, "state")?, "zip": member(address, "zip")?,
            "status": member(order, "status")?, "cancel_reason": optional(order, "cancel_reason"),
            "exchange_items": optional(order, "exchange_items"),
            "exchange_new_items": optional(order, "exchange_new_items"),
            "exchange_payment_method_id": optional(order, "exchange_payment_method_id"),
            "exchange_price_difference":
                order.get("exchange_price_difference").and_then(Value::as_f64),
            "return_items": optional(order, "return_items"),
            "return_payment_method_id": optional(order, "return_payment_method_id"),
        }),
    );
    for (position, item) in elements(order, "items")? {
        rows.add(
            "order_items",
            json!({
                "order_id": id, "position": position, "name": member(item, "name")?,
                "product_id": member(item, "product_id")?, "item_id": member(item, "item_id")?,
                "price": member(item, "price")?, "options": member(item, "options")?,
            }),
        );
    }
    for (position, fulfillment) in elements(order, "fulfillments")? {
        rows.add(
            "fulfillments",
            json!({
                "order_id": id, "position": position,
                "tracking_id": member(fulfillment, "tracking_id")?,
                "item_ids": member(fulfillment, "item_ids")?,
            }),
        );
    }
    for (position, payment) in elements(order, "payment_history")? {
        rows.add(
            "payments",
            json!({
                "order_id": id, "position": position,
                "transaction_type": member(payment, "transaction_type")?,
                "amount": member(payment, "amount")?,
                "method_id": member(payment, "payment_method_id")?,
            }),
        );
    }
    Ok(())
}
