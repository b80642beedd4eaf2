//! Parameters that serve the protocol and not the task: headers of HTTP, keys, cookies, and what every
//! method of an API family takes.

use std::collections::BTreeSet;

use crate::Place;
use crate::operation::{Api, Parameter, ParameterDrop};

/// Names of parameters that carry keys, as the document's security schemes declare them; lower case.
pub(crate) type Credentials = BTreeSet<String>;

/// Headers that HTTP, tracing, caching and gateways use; lower case.
const HEADERS: &[&str] = &[
    "accept",
    "access-control-request-headers",
    "access-control-request-method",
    "cache-control",
    "connection",
    "consistencylevel",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "digest",
    "etag",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "last-modified",
    "odata-maxversion",
    "odata-version",
    "origin",
    "pragma",
    "prefer",
    "range",
    "referer",
    "signature",
    "te",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "user-agent",
    "via",
    "x-client-request-id",
    "x-correlation-id",
    "x-csrf-token",
    "x-correlationid",
    "x-fapi-auth-date",
    "x-fapi-customer-ip-address",
    "x-fapi-interaction-id",
    "x-http-method-override",
    "x-idempotency-key",
    "x-ms-client-request-id",
    "x-ms-version",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
    "x-trace-id",
    "x-xsrf-token",
];

/// Beginnings of such headers.
const HEADER_PREFIXES: &[&str] = &[
    "accept-",
    "if-",
    "x-amz-",
    "x-b3-",
    "x-forwarded-",
    "x-goog-",
];

/// Names that carry keys wherever they stand; lower case, with `-` and `_` removed.
const KEYS: &[&str] = &[
    "accesstoken",
    "apikey",
    "appkey",
    "apitoken",
    "apisecret",
    "authorization",
    "authtoken",
    "bearertoken",
    "clientsecret",
    "oauthtoken",
    "proxyauthorization",
    "subscriptionkey",
    "wwwauthenticate",
    "xaccesstoken",
    "xapikey",
    "xapitoken",
    "xauthkey",
    "xauthtoken",
    "xauthorization",
    "xrapidapihost",
    "xrapidapikey",
    "ocpapimsubscriptionkey",
];

/// Endings of headers that carry keys: `X-Shop-App-Key`, `Acme-Token`.
const KEY_ENDINGS: &[&str] = &["key", "token", "secret", "password", "auth"];

/// Names that carry keys when the description says so.
const MAYBE_KEYS: &[&str] = &["key", "token", "auth", "secret", "signature", "sig"];

/// Words by which a description says so.
const KEY_WORDS: &[&str] = &[
    "api key",
    "apikey",
    "api-key",
    "api token",
    "auth",
    "application key",
    "credential",
    "access token",
    "your key",
    "subscription key",
    "secret",
];

/// What Google's methods all take.
const GOOGLE_GLOBALS: &[&str] = &[
    "$.xgafv",
    "access_token",
    "alt",
    "bearer_token",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "pp",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
    "userIp",
];

/// Why a parameter has no place in a tool's input; `None` if it has one.
///
/// Parameters of the path always stay: without them there is no call.
pub(crate) fn dropped(api: &Api, parameter: &Parameter<'_>) -> Option<ParameterDrop> {
    let Some(place) = parameter.place else {
        return Some(ParameterDrop::Cookie);
    };
    if matches!(place, Place::Path | Place::Body) {
        return None;
    }
    if api.provider == "googleapis.com" && GOOGLE_GLOBALS.contains(&parameter.name) {
        return Some(ParameterDrop::GlobalProtocol);
    }
    let name = parameter.name.to_ascii_lowercase();
    let plain = name.replace(['-', '_'], "");
    if plain == "apiversion" {
        return Some(ParameterDrop::GlobalProtocol);
    }
    if api.credentials.contains(&name) || KEYS.contains(&plain.as_str()) {
        return Some(ParameterDrop::Credential);
    }
    if MAYBE_KEYS.contains(&plain.as_str()) {
        let description = parameter.description.unwrap_or_default().to_lowercase();
        if KEY_WORDS.iter().any(|word| description.contains(word)) {
            return Some(ParameterDrop::Credential);
        }
    }
    if place == Place::Header {
        let protocol = HEADERS.contains(&name.as_str())
            || HEADER_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix));
        if protocol {
            return Some(ParameterDrop::ProtocolHeader);
        }
        if KEY_ENDINGS.iter().any(|ending| plain.ends_with(ending)) {
            return Some(ParameterDrop::Credential);
        }
    }
    // AWS signs requests in the query as well.
    if name.starts_with("x-amz-") {
        return Some(ParameterDrop::ProtocolHeader);
    }
    None
}
