//! `Debug` of messages whose contents must not reach a log: it tells what is there, never what it says.

use std::fmt;

use crate::v1::{
    ClientContext, DecidedPayment, DeclaredFacts, FormField, IdentifyPayerCodeRequest, InvokeWallet,
    Redirect, ShowQrCode,
};

/// Stands for a text that is there and is not shown.
struct Hidden(bool);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "***" } else { "none" })
    }
}

fn hidden(text: &str) -> Hidden {
    Hidden(!text.is_empty())
}

impl fmt::Debug for DeclaredFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclaredFacts")
            .field("payer_reference", &hidden(&self.payer_reference))
            .field("payer_region", &hidden(&self.payer_region))
            .field("payer_age_band", &hidden(&self.payer_age_band))
            .field("payer_tier", &hidden(&self.payer_tier))
            .field("merchant_id", &self.merchant_id)
            .field("merchant_category", &self.merchant_category)
            .field("product_category", &self.product_category)
            .field("product_live_room", &self.product_live_room)
            .finish()
    }
}

impl fmt::Debug for DecidedPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecidedPayment")
            .field("payment_intent_id", &self.payment_intent_id)
            .field("attempt_id", &self.attempt_id)
            .field("records", &self.records.len())
            .field("outcome", &self.outcome())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientContext")
            .field("kind", &self.kind())
            .field("inside_wallet", &self.inside_wallet)
            .field("payer_ip", &hidden(&self.payer_ip))
            .field("payer_id", &hidden(&self.payer_id))
            .field("payer_code", &hidden(&self.payer_code))
            .finish()
    }
}

impl fmt::Debug for IdentifyPayerCodeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentifyPayerCodeRequest")
            .field("payer_code", &hidden(&self.payer_code))
            .field("amount", &self.amount)
            .field("capture_method", &self.capture_method())
            .field("declared_facts", &self.declared_facts)
            .finish()
    }
}

impl fmt::Debug for ShowQrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = hidden(&self.content);
        f.debug_struct("ShowQrCode")
            .field("content", &content)
            .field("expire_time", &self.expire_time)
            .finish()
    }
}

impl fmt::Debug for InvokeWallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeWallet").field("parameters", &self.parameters.len()).finish()
    }
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect").field("url", &hidden(&self.url)).finish()
    }
}

impl fmt::Debug for FormField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormField").field("name", &self.name).field("value", &hidden(&self.value)).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::v1::{
        ClientContext, ConfirmPaymentIntentRequest, FormField, IdentifyPayerCodeRequest, InvokeWallet,
        NextAction, Redirect, ShowQrCode, SubmitForm, WalletChoice, next_action,
    };

    const CANARY: &str = "canary-7281";

    /// I14: what a payer owns prints nowhere, not even inside another message.
    #[test]
    fn payer_data_and_payable_contents_do_not_print() {
        let context = ClientContext {
            payer_ip: CANARY.into(),
            payer_id: CANARY.into(),
            payer_code: CANARY.into(),
            ..ClientContext::default()
        };
        let choice = WalletChoice { client_context: Some(context), ..WalletChoice::default() };
        let confirm = ConfirmPaymentIntentRequest { choice: Some(choice), ..Default::default() };
        let field = FormField { name: "sign".into(), value: CANARY.into() };
        let parameters = [("paySign".to_owned(), CANARY.to_owned())].into();
        let kinds = [
            next_action::Kind::ShowQrCode(ShowQrCode { content: CANARY.into(), expire_time: None }),
            next_action::Kind::InvokeWallet(InvokeWallet { parameters }),
            next_action::Kind::Redirect(Redirect { url: CANARY.into() }),
            next_action::Kind::SubmitForm(SubmitForm { url: String::new(), fields: vec![field] }),
        ];

        let scanned = IdentifyPayerCodeRequest { payer_code: CANARY.into(), ..Default::default() };

        let mut printed = format!("{confirm:?} {scanned:?}");
        for kind in kinds {
            printed += &format!("{:?}", NextAction { kind: Some(kind) });
        }
        assert!(!printed.contains(CANARY), "{printed}");
        assert!(printed.contains("payer_code: ***"), "{printed}");
    }
}
