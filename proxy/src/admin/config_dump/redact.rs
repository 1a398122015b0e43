//! Takes what nobody may read out of a printed dump: private keys, passwords and credentials of the control plane.

use serde_json::{Map, Value};

const REDACTED: &str = "[redacted]";
/// The same where a field holds bytes, which proto JSON writes in base 64.
const REDACTED_BYTES: &str = "W3JlZGFjdGVkXQ==";

/// Fields that are secret wherever they stand, with all that is below them.
const SECRET_FIELDS: [&str; 9] = [
    "private_key",
    "password",
    "pkcs12",
    "session_ticket_keys",
    "generic_secret",
    "access_token",
    "google_refresh_token",
    "authorization_token",
    "json_key",
];

/// Headers whose value is a credential.
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// The dump without its secrets. A text that cannot be read is an error rather than shown as it is.
pub(super) fn text(text: &str) -> Result<String, String> {
    let mut dump: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    redact(&mut dump);
    serde_json::to_string_pretty(&dump).map_err(|error| error.to_string())
}

fn redact(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => {
            let header = is_secret_header(fields);
            for (key, value) in fields {
                let of_header = header && (key == "value" || key == "raw_value");
                if of_header || SECRET_FIELDS.contains(&key.as_str()) {
                    blank(key, value);
                } else {
                    redact(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_secret_header(fields: &Map<String, Value>) -> bool {
    let name = fields.get("key").and_then(Value::as_str);
    name.is_some_and(|name| {
        let mut secret = SECRET_HEADERS.iter();
        secret.any(|secret| name.eq_ignore_ascii_case(secret))
    })
}

/// Replaces every text below a field. The shape stays, so that the dump still reads as the message that it is.
fn blank(key: &str, value: &mut Value) {
    match value {
        Value::String(_) if key == "@type" => {}
        Value::String(text) => {
            let bytes = matches!(key, "inline_bytes" | "raw_value");
            *text = if bytes { REDACTED_BYTES } else { REDACTED }.to_owned();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| blank(key, item)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| blank(key, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => *value = Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_shows_no_keys_passwords_or_credentials() {
        let dump = r#"{"configs": [{"bootstrap": {
            "dynamic_resources": {"ads_config": {"grpc_services": [{"initial_metadata": [
                {"key": "Authorization", "value": "Bearer leak"}, {"key": "x-kept", "value": "kept"}]}]}},
            "static_resources": {
                "secrets": [{"name": "kept", "generic_secret": {"secret": {"inline_string": "leak"}}},
                    {"session_ticket_keys": {"keys": [{"inline_bytes": "leak"}]}}],
                "clusters": [{"transport_socket": {"typed_config": {"@type": "kept", "tls_certificates": [
                    {"certificate_chain": {"inline_string": "kept"}, "private_key": {"inline_bytes": "leak"},
                     "password": {"inline_string": "leak"}, "pkcs12": {"inline_bytes": "leak"}}]}}}]}}}]}"#;
        let shown = text(dump).unwrap();
        assert!(!shown.contains("leak"), "{shown}");
        assert_eq!(shown.matches("kept").count(), 5, "{shown}");
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let certificate = &shown["configs"][0]["bootstrap"]["static_resources"]["clusters"][0]["transport_socket"]
            ["typed_config"]["tls_certificates"][0];
        assert_eq!(certificate["private_key"]["inline_bytes"], REDACTED_BYTES);
        assert_eq!(certificate["password"]["inline_string"], REDACTED);
    }

    #[test]
    fn an_unreadable_dump_is_not_shown() {
        assert!(text(r#"{"private_key": "#).is_err());
    }
}
