//! Who it was, by what the platform says: the ladder below our own map by conversation.
//!
//! `system__caller_id` is not on it: on an outbound call it is our own number.

use super::wire::Data;
use hark_core::people::Claim;
use hark_core::{IdentityKind, normalise_number};

/// What a call says about its human, most believed first, each once.
pub fn of_call(data: &Data) -> Vec<Claim> {
    let mut claims = Claims::default();
    let client = &data.conversation_initiation_client_data.0;
    let metadata = &data.metadata.0;
    let (spans, _) = data.otlp_traces.0.attributes();
    let span = |name: &str| spans.get(name).copied();

    claims.external(client.dynamic_variables.0.memory_user_id.filled());
    claims.external(span("elevenlabs.dynamic_variable.memory_user_id"));
    claims.external(data.user_id.filled());
    claims.external(metadata.user_id.filled());
    claims.external(client.user_id.filled());
    claims.external(span("elevenlabs.user_id"));
    claims.phone(metadata.phone_call.0.external_number.filled());
    claims.phone(span("elevenlabs.telephony.external_number"));
    claims.messenger(IdentityKind::Whatsapp, metadata.whatsapp.0.whatsapp_user_id.filled());
    claims.messenger(IdentityKind::Sms, metadata.sms.0.sms_user_phone_number.filled());
    claims.0
}

/// Collects claims, each kind and value once.
#[derive(Debug, Default)]
pub(super) struct Claims(pub(super) Vec<Claim>);

impl Claims {
    /// A user id, ours or the integrator's. Secrets read back as `<REDACTED>`; that is nobody.
    pub(super) fn external(&mut self, value: Option<&str>) {
        self.add(IdentityKind::External, value.filter(|v| *v != "<REDACTED>"));
    }

    /// A number; withheld ones are nobody.
    pub(super) fn phone(&mut self, value: Option<&str>) {
        self.add(IdentityKind::Phone, value.filter(|v| normalise_number(v).is_some()));
    }

    /// An id of a messenger. Where it is a telephone number, the same line may also ring: claimed as well, so
    /// that somebody who wrote yesterday and calls today is one person.
    pub(super) fn messenger(&mut self, kind: IdentityKind, value: Option<&str>) {
        self.add(kind, value);
        self.phone(value);
    }

    fn add(&mut self, kind: IdentityKind, value: Option<&str>) {
        let Some(value) = value.map(str::trim).filter(|v| !v.is_empty()) else { return };
        let claim = Claim::new(kind, value);
        if !self.0.contains(&claim) {
            self.0.push(claim);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(data: serde_json::Value) -> Vec<(IdentityKind, String)> {
        let data: Data = serde_json::from_value(data).unwrap();
        of_call(&data).into_iter().map(|c| (c.kind, c.value)).collect()
    }

    #[test]
    fn the_ladder_goes_from_our_own_variable_down_to_messengers() {
        let found = claims(json!({
            "user_id": "crm-7",
            "metadata": {
                "user_id": "crm-7",
                "phone_call": {"external_number": "+49301234567", "agent_number": "+49309999999"},
                "whatsapp": {"whatsapp_user_id": "491701234567"},
                "sms": {"sms_user_phone_number": "+15550100200"}
            },
            "conversation_initiation_client_data": {
                "user_id": "other",
                "dynamic_variables": {"memory_user_id": "usr_1", "system__caller_id": "+49309999999"}
            }
        }));
        use IdentityKind::{External, Phone, Sms, Whatsapp};
        let wanted = [
            (External, "usr_1"),
            (External, "crm-7"),
            (External, "other"),
            (Phone, "+49301234567"),
            (Whatsapp, "491701234567"),
            (Phone, "491701234567"),
            (Sms, "+15550100200"),
            (Phone, "+15550100200"),
        ];
        assert_eq!(found, wanted.map(|(kind, value)| (kind, value.to_owned())));
    }

    #[test]
    fn nobody_is_nobody() {
        assert!(claims(json!({})).is_empty());
        assert!(
            claims(json!({
                "user_id": " ",
                "metadata": {"phone_call": {"external_number": "anonymous"}, "whatsapp": null},
                "conversation_initiation_client_data": {
                    "dynamic_variables": {"memory_user_id": "", "system__caller_id": "+4930111111"}
                }
            }))
            .is_empty()
        );
    }

    #[test]
    fn the_opentelemetry_form_says_who_it_was_too() {
        let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let found = claims(json!({"otlp_traces": {"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [
            attribute("elevenlabs.user_id", "crm-9"),
            attribute("elevenlabs.telephony.external_number", "+4930555555"),
        ]}]}]}]}}));
        assert_eq!(
            found,
            [(IdentityKind::External, "crm-9".to_owned()), (IdentityKind::Phone, "+4930555555".to_owned())]
        );
    }
}
