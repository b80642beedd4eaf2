//! `db.toml` and `user_db.toml` of the telecom domain.

use serde_json::{Map, Value, json};

use super::{Import, elements, member, members, optional};
use crate::tau2::pydantic;

pub(super) fn import(rows: &mut Import, own: &Value, users: &Value) -> Result<(), String> {
    for (position, plan) in elements(own, "plans")? {
        rows.add("plans", at(position, plan));
    }
    for (position, device) in elements(own, "devices")? {
        let mut device = at(position, device);
        for name in ["activation_date", "last_esim_transfer_date"] {
            device[name] = instant(&device[name]);
        }
        default(&mut device, "activated", false);
        rows.add("devices", device);
    }
    for (position, line) in elements(own, "lines")? {
        let mut line = at(position, line);
        default(&mut line, "status", "Pending Activation");
        default(&mut line, "data_used_gb", 0.0);
        default(&mut line, "data_refueling_gb", 0.0);
        default(&mut line, "roaming_enabled", false);
        // The column keeps what a tool puts there, so the file's number must be a real already.
        line["data_used_gb"] = line["data_used_gb"].as_f64().into();
        rows.add("lines", line);
    }
    for (position, customer) in elements(own, "customers")? {
        add_customer(rows, position, customer)?;
    }
    for (position, bill) in elements(own, "bills")? {
        let id = member(bill, "bill_id")?;
        let mut row = at(position, bill);
        default(&mut row, "status", "Draft");
        take(&mut row, "line_items");
        rows.add("bills", row);
        for (position, item) in listed(bill, "line_items") {
            let mut item = at(position, item);
            item["bill_id"] = id.clone();
            rows.add("bill_items", item);
        }
    }
    // Bills come after customers in the file, and their keys must be there first.
    for (_, customer) in elements(own, "customers")? {
        let id = member(customer, "customer_id")?;
        for (position, line) in listed(customer, "line_ids") {
            let row = json!({"customer_id": id, "position": position, "line_id": line});
            rows.add("customer_lines", row);
        }
        for (position, bill) in listed(customer, "bill_ids") {
            let row = json!({"customer_id": id, "position": position, "bill_id": bill});
            rows.add("customer_bills", row);
        }
    }
    add_phone(rows, users)?;
    rows.add("network_searches", json!({"id": 1, "searches": 0}));
    Ok(())
}

/// A record of the file with its place in its list.
fn at(position: usize, record: &Value) -> Value {
    let mut row = record.clone();
    row["position"] = position.into();
    row
}

fn default(row: &mut Value, name: &str, value: impl Into<Value>) {
    if row.get(name).is_none_or(Value::is_null) {
        row[name] = value.into();
    }
}

fn take(row: &mut Value, name: &str) -> Value {
    row.as_object_mut()
        .and_then(|row| row.shift_remove(name))
        .unwrap_or_default()
}

/// The elements of a list that may be left out.
fn listed<'a>(record: &'a Value, name: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    record
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
}

/// An instant as Python's `str` writes it: with a space for the T.
fn instant(value: &Value) -> Value {
    value
        .as_str()
        .map_or(Value::Null, |text| text.replacen('T', " ", 1).into())
}

fn add_customer(rows: &mut Import, position: usize, customer: &Value) -> Result<(), String> {
    let id = member(customer, "customer_id")?;
    let mut row = at(position, customer);
    for name in ["payment_methods", "line_ids", "bill_ids"] {
        take(&mut row, name);
    }
    if let Value::Object(address) = take(&mut row, "address") {
        for (name, value) in address {
            row[&name] = value;
        }
    }
    row["created_at"] = match instant(&row["created_at"]) {
        Value::Null => "2025-01-01".into(),
        created => created,
    };
    default(&mut row, "account_status", "Pending Verification");
    default(&mut row, "goodwill_credit_used_this_year", 0.0);
    rows.add("customers", row);
    for (position, method) in listed(customer, "payment_methods") {
        let mut method = at(position, method);
        method["customer_id"] = id.clone();
        rows.add("customer_payment_methods", method);
    }
    Ok(())
}

fn add_phone(rows: &mut Import, users: &Value) -> Result<(), String> {
    let mut phone = json!({
        "sim_card_status": "active", "sim_card_missing": false, "airplane_mode": false,
        "network_signal_strength": "good", "network_technology_connected": "5G",
        "network_connection_status": "connected", "battery_level": 80, "data_enabled": true,
        "roaming_enabled": false, "network_mode_preference": "4g_5g_preferred",
        "wifi_enabled": false, "wifi_connected": false, "wifi_signal_strength": "none",
        "wifi_calling_enabled": false, "wifi_calling_mms_over_wifi": false,
        "data_saver_mode": false, "vpn_enabled_setting": false, "vpn_connected": false,
    });
    let given = users.get("device").and_then(Value::as_object);
    for (name, value) in given.into_iter().flatten() {
        phone[name] = value.clone();
    }
    let apn = take(&mut phone, "active_apn_settings");
    let apn = if apn.is_null() { json!({}) } else { apn };
    phone["apn"] = pydantic::validate("APNSettings", &apn)?.to_string().into();
    // These columns hold JSON text, of scalars too.
    phone["network_mode_preference"] = phone["network_mode_preference"].to_string().into();
    phone["id"] = 1.into();
    phone["next_vpn_performance"] = "excellent".into();
    let apps = match take(&mut phone, "app_statuses") {
        Value::Null => json!({
            "messaging": {"permissions": {"sms": true, "storage": true, "phone": true}},
            "browser": {"permissions": {"network": true, "storage": true}},
        }),
        apps => apps,
    };
    rows.add("phone", phone);
    let apps = json!({"apps": apps});
    for (position, name, app) in members(&apps, "apps")? {
        let permissions = optional(app, "permissions");
        let allowed = |name: &str| permissions.get(name).and_then(Value::as_bool) == Some(true);
        rows.add(
            "apps",
            json!({
                "app_name": name, "position": position, "sms": allowed("sms"),
                "storage": allowed("storage"), "phone": allowed("phone"),
                "network": allowed("network"),
            }),
        );
    }
    let mut surroundings = json!({
        "is_abroad": false, "roaming_allowed": false, "mobile_data_usage_exceeded": false,
        "line_active": true,
        "signal_strength": {"2G": "poor", "3G": "fair", "4G": "good", "5G": "excellent"},
    });
    let given = users.get("surroundings").and_then(Value::as_object);
    for (name, value) in given.into_iter().flatten() {
        surroundings[name] = value.clone();
    }
    if let Value::Object(request) = take(&mut surroundings, "payment_request") {
        let request: Map<String, Value> = request;
        surroundings["request_bill_id"] = request.get("bill_id").cloned().unwrap_or_default();
        surroundings["request_amount_due"] = request.get("amount_due").cloned().unwrap_or_default();
        let paid = request.get("paid").and_then(Value::as_bool);
        surroundings["request_paid"] = (paid == Some(true)).into();
    }
    surroundings["id"] = 1.into();
    rows.add("surroundings", surroundings);
    Ok(())
}
