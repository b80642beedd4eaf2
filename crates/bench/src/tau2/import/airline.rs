//! `db.json` of the airline domain.

use serde_json::{Value, json};

use super::{Import, elements, member, members, optional};

pub(super) fn import(rows: &mut Import, database: &Value) -> Result<(), String> {
    for (position, number, flight) in members(database, "flights")? {
        rows.add(
            "flights",
            json!({
                "flight_number": number, "position": position,
                "origin": member(flight, "origin")?, "destination": member(flight, "destination")?,
                "departure": member(flight, "scheduled_departure_time_est")?,
                "arrival": member(flight, "scheduled_arrival_time_est")?,
            }),
        );
        for (position, date, day) in members(flight, "dates")? {
            let (seats, prices) = (optional(day, "available_seats"), optional(day, "prices"));
            rows.add(
                "flight_dates",
                json!({
                    "flight_number": number, "date": date, "position": position,
                    "status": member(day, "status")?,
                    "seats_basic_economy": optional(&seats, "basic_economy"),
                    "seats_economy": optional(&seats, "economy"),
                    "seats_business": optional(&seats, "business"),
                    "price_basic_economy": optional(&prices, "basic_economy"),
                    "price_economy": optional(&prices, "economy"),
                    "price_business": optional(&prices, "business"),
                    "actual_departure": optional(day, "actual_departure_time_est"),
                    "actual_arrival": optional(day, "actual_arrival_time_est"),
                    "estimated_departure": optional(day, "estimated_departure_time_est"),
                    "estimated_arrival": optional(day, "estimated_arrival_time_est"),
                }),
            );
        }
    }
    for (position, id, user) in members(database, "users")? {
        add_user(rows, position, id, user)?;
    }
    for (position, id, reservation) in members(database, "reservations")? {
        add_reservation(rows, position, id, reservation)?;
    }
    Ok(())
}

fn add_user(rows: &mut Import, position: usize, id: &str, user: &Value) -> Result<(), String> {
    let (name, address) = (member(user, "name")?, member(user, "address")?);
    rows.add(
        "users",
        json!({
            "user_id": id, "position": position,
            "first_name": member(name, "first_name")?, "last_name": member(name, "last_name")?,
            "address1": member(address, "address1")?, "address2": optional(address, "address2"),
            "city": member(address, "city")?, "country": member(address, "country")?,
            "state": member(address, "state")?, "zip": member(address, "zip")?,
            "email": member(user, "email")?, "dob": member(user, "dob")?,
            "membership": member(user, "membership")?,
        }),
    );
    for (position, method, details) in members(user, "payment_methods")? {
        rows.add(
            "payment_methods",
            json!({
                "user_id": id, "method_id": method, "position": position,
                "source": member(details, "source")?, "brand": optional(details, "brand"),
                "last_four": optional(details, "last_four"), "amount": optional(details, "amount"),
            }),
        );
    }
    for (position, passenger) in elements(user, "saved_passengers")? {
        rows.add(
            "saved_passengers",
            json!({
                "user_id": id, "position": position,
                "first_name": member(passenger, "first_name")?,
                "last_name": member(passenger, "last_name")?, "dob": member(passenger, "dob")?,
            }),
        );
    }
    for (position, reservation) in elements(user, "reservations")? {
        rows.add(
            "user_reservations",
            json!({"user_id": id, "position": position, "reservation_id": reservation}),
        );
    }
    Ok(())
}

fn add_reservation(
    rows: &mut Import,
    position: usize,
    id: &str,
    reservation: &Value,
) -> Result<(), String> {
    // These columns hold JSON text, of scalars too.
    let text = |name: &str| member(reservation, name).map(Value::to_string);
    rows.add(
        "reservations",
        json!({
            "reservation_id": id, "position": position,
            "user_id": member(reservation, "user_id")?, "origin": member(reservation, "origin")?,
            "destination": member(reservation, "destination")?,
            "flight_type": member(reservation, "flight_type")?, "cabin": text("cabin")?,
            "passengers": text("passengers")?, "created_at": member(reservation, "created_at")?,
            "total_baggages": text("total_baggages")?,
            "nonfree_baggages": text("nonfree_baggages")?,
            "insurance": member(reservation, "insurance")?,
            "status": optional(reservation, "status"),
        }),
    );
    for (position, flight) in elements(reservation, "flights")? {
        rows.add(
            "reservation_flights",
            json!({
                "reservation_id": id, "position": position,
                "flight_number": member(flight, "flight_number")?,
                "origin": member(flight, "origin")?, "destination": member(flight, "destination")?,
                "date": member(flight, "date")?, "price": member(flight, "price")?,
            }),
        );
    }
    for (position, payment) in elements(reservation, "payment_history")? {
        rows.add(
            "reservation_payments",
            json!({
                "reservation_id": id, "position": position,
                "payment_id": member(payment, "payment_id")?,
                "amount": member(payment, "amount")?,
            }),
        );
    }
    Ok(())
}
