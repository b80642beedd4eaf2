//! The ported domains: their worlds, and what is known of the program that they stand for.

use practicum_world::{Actor, LoadError, World, WorldFiles};

use super::functions::functions;

/// The files of a world of this crate, embedded in the program.
macro_rules! world_files {
    ($folder:literal: $($file:literal)*) => {
        &[$(($file, include_str!(concat!("../../worlds/", $folder, "/", $file)))),*]
    };
}

/// A domain of the benchmark that is ported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// Flights, reservations, users.
    Airline,
    /// Products, users, orders.
    Retail,
    /// Customers, lines, bills; the user's phone is in the user's hands.
    Telecom,
}

impl Domain {
    /// All domains.
    pub const ALL: [Self; 3] = [Self::Airline, Self::Retail, Self::Telecom];

    /// The domain of a name that the benchmark gives it.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "airline" => Some(Self::Airline),
            "retail" => Some(Self::Retail),
            // The same tools and data under another policy text.
            "telecom" | "telecom-workflow" => Some(Self::Telecom),
            _ => None,
        }
    }

    /// The domain's name, which is the name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Airline => "airline",
            Self::Retail => "retail",
            Self::Telecom => "telecom",
        }
    }

    /// True when the user holds tools, too.
    pub fn has_user_tools(self) -> bool {
        self == Self::Telecom
    }

    /// The class whose methods an actor's tools are in the original; its name stands in errors.
    pub(crate) fn class(self, actor: Actor) -> &'static str {
        match (self, actor) {
            (Self::Airline, _) => "AirlineTools",
            (Self::Retail, _) => "RetailTools",
            (Self::Telecom, Actor::User) => "TelecomUserTools",
            (Self::Telecom, _) => "TelecomTools",
        }
    }

    /// The files of the domain's world by path.
    pub fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Airline => AIRLINE,
            Self::Retail => RETAIL,
            Self::Telecom => TELECOM,
        }
    }

    /// The domain's world, compiled.
    ///
    /// # Errors
    /// When the embedded files are no valid world.
    pub fn world(self) -> Result<World, LoadError> {
        let mut files = WorldFiles::new();
        for (path, text) in self.files() {
            files.insert(*path, *text);
        }
        World::with_functions(&files, functions())
    }
}

const AIRLINE: &[(&str, &str)] = world_files!("airline":
    "world.toml"
    "schema.sql"
    "tools/book_reservation.toml"
    "tools/calculate.toml"
    "tools/cancel_reservation.toml"
    "tools/get_flight_status.toml"
    "tools/get_reservation_details.toml"
    "tools/get_user_details.toml"
    "tools/list_all_airports.toml"
    "tools/search_direct_flight.toml"
    "tools/search_onestop_flight.toml"
    "tools/send_certificate.toml"
    "tools/transfer_to_human_agents.toml"
    "tools/update_reservation_baggages.toml"
    "tools/update_reservation_flights.toml"
    "tools/update_reservation_passengers.toml"
);

const RETAIL: &[(&str, &str)] = world_files!("retail":
    "world.toml"
    "schema.sql"
    "tools/calculate.toml"
    "tools/cancel_pending_order.toml"
    "tools/exchange_delivered_order_items.toml"
    "tools/find_user_id_by_email.toml"
    "tools/find_user_id_by_name_zip.toml"
    "tools/get_item_details.toml"
    "tools/get_order_details.toml"
    "tools/get_product_details.toml"
    "tools/get_user_details.toml"
    "tools/list_all_product_types.toml"
    "tools/modify_pending_order_address.toml"
    "tools/modify_pending_order_items.toml"
    "tools/modify_pending_order_payment.toml"
    "tools/modify_user_address.toml"
    "tools/return_delivered_order_items.toml"
    "tools/transfer_to_human_agents.toml"
);

const TELECOM: &[(&str, &str)] = world_files!("telecom":
    "world.toml"
    "schema.sql"
    "tools/assert_airplane_mode_status.toml"
    "tools/assert_can_send_mms.toml"
    "tools/assert_data_refueling_amount.toml"
    "tools/assert_internet_not_excellent.toml"
    "tools/assert_internet_speed.toml"
    "tools/assert_line_status.toml"
    "tools/assert_mobile_data_saver_mode_status.toml"
    "tools/assert_mobile_data_status.toml"
    "tools/assert_mobile_data_usage_exceeded.toml"
    "tools/assert_mobile_roaming_status.toml"
    "tools/assert_no_overdue_bill.toml"
    "tools/assert_overdue_bill_exists.toml"
    "tools/assert_service_status.toml"
    "tools/break_apn_mms_setting.toml"
    "tools/break_apn_settings.toml"
    "tools/break_vpn.toml"
    "tools/can_send_mms.toml"
    "tools/check_apn_settings.toml"
    "tools/check_app_permissions.toml"
    "tools/check_app_status.toml"
    "tools/check_data_restriction_status.toml"
    "tools/check_installed_apps.toml"
    "tools/check_network_mode_preference.toml"
    "tools/check_network_status.toml"
    "tools/check_payment_request.toml"
    "tools/check_sim_status.toml"
    "tools/check_status_bar.toml"
    "tools/check_vpn_status.toml"
    "tools/check_wifi_calling_status.toml"
    "tools/check_wifi_status.toml"
    "tools/connect_vpn.toml"
    "tools/disable_roaming.toml"
    "tools/disconnect_vpn.toml"
    "tools/enable_roaming.toml"
    "tools/get_bills_for_customer.toml"
    "tools/get_customer_by_id.toml"
    "tools/get_customer_by_name.toml"
    "tools/get_customer_by_phone.toml"
    "tools/get_data_usage.toml"
    "tools/get_details_by_id.toml"
    "tools/grant_app_permission.toml"
    "tools/lock_sim_card.toml"
    "tools/make_payment.toml"
    "tools/reboot_device.toml"
    "tools/refuel_data.toml"
    "tools/remove_app_permission.toml"
    "tools/reseat_sim_card.toml"
    "tools/reset_apn_settings.toml"
    "tools/resume_line.toml"
    "tools/run_speed_test.toml"
    "tools/send_payment_request.toml"
    "tools/set_apn_settings.toml"
    "tools/set_data_usage.toml"
    "tools/set_network_mode_preference.toml"
    "tools/set_user_info.toml"
    "tools/set_user_location.toml"
    "tools/set_wifi_calling.toml"
    "tools/simulate_network_search.toml"
    "tools/suspend_line.toml"
    "tools/suspend_line_for_overdue_bill.toml"
    "tools/sync_tools.toml"
    "tools/toggle_airplane_mode.toml"
    "tools/toggle_data.toml"
    "tools/toggle_data_saver_mode.toml"
    "tools/toggle_roaming.toml"
    "tools/toggle_wifi.toml"
    "tools/toggle_wifi_calling.toml"
    "tools/transfer_to_human_agents.toml"
    "tools/turn_airplane_mode_off.toml"
    "tools/turn_airplane_mode_on.toml"
    "tools/turn_data_off.toml"
    "tools/turn_data_on.toml"
    "tools/turn_data_saver_mode_off.toml"
    "tools/turn_data_saver_mode_on.toml"
    "tools/turn_roaming_off.toml"
    "tools/turn_roaming_on.toml"
    "tools/unseat_sim_card.toml"
);
