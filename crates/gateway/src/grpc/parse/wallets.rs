//! What is asked of `WalletService`.

use paifang_engine::{CodeQuestion, Consultation};
use paifang_interop::matrix::{CodeKind, Row};
use paifang_payment::{RailName, WalletName};
use paifang_proto::v1;
use tonic::Status;

use super::{Fields, capture_mode, choice, facts, positive};

/// Which rows of the matrix are wanted; absent: any.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    issuer: Option<WalletName>,
    acceptor: Option<RailName>,
    kind: Option<CodeKind>,
}

/// What a consultation asks.
pub(crate) fn consultation(request: v1::ConsultWalletsRequest) -> Result<Consultation, Status> {
    let mut fields = Fields::default();
    let amount = positive(&mut fields, "amount", request.amount.as_ref());
    let client = choice::client(&mut fields, "client_context", request.client_context);
    let capture = capture_mode(&mut fields, request.capture_method);
    let declared = facts::declared(&mut fields, "declared_facts", request.declared_facts);
    let whole = (|| {
        Some(Consultation { amount: Some(amount?), capture: capture?, client: client?, declared: declared? })
    })();
    fields.finish(whole)
}

/// A scanned code, and what is known of the order.
pub(crate) fn code_question(request: v1::IdentifyPayerCodeRequest) -> Result<CodeQuestion, Status> {
    let mut fields = Fields::default();
    let code = fields.keep("payer_code", choice::payer_code(&request.payer_code));
    let amount = match &request.amount {
        Some(amount) => positive(&mut fields, "amount", Some(amount)).map(Some),
        None => Some(None),
    };
    let capture = capture_mode(&mut fields, request.capture_method);
    let declared = facts::declared(&mut fields, "declared_facts", request.declared_facts);
    let whole =
        (|| Some(CodeQuestion { code: code?, amount: amount?, capture: capture?, declared: declared? }))();
    fields.finish(whole)
}

/// Which rows are wanted. The outer `None` says that something is wrong with it.
pub(crate) fn filter(fields: &mut Fields, request: &v1::ListInteroperabilityRequest) -> Option<Filter> {
    let issuer = match request.issuer.as_str() {
        "" => Some(None),
        issuer => fields.keep("issuer", WalletName::parse(issuer)).map(Some),
    };
    let acceptor = match request.acceptor.as_str() {
        "" => Some(None),
        acceptor => fields.keep("acceptor", RailName::parse(acceptor)).map(Some),
    };
    let kind = match v1::CodeKind::try_from(request.code_kind) {
        Ok(v1::CodeKind::Unspecified) => Some(None),
        Ok(v1::CodeKind::PayerCode) => Some(Some(CodeKind::PayerCode)),
        Ok(v1::CodeKind::MerchantCode) => Some(Some(CodeKind::MerchantCode)),
        Ok(v1::CodeKind::InApp) => Some(Some(CodeKind::InApp)),
        Err(_) => {
            fields.wrong("code_kind", "must be one of the kinds of code of the contract");
            None
        }
    };
    Some(Filter { issuer: issuer?, acceptor: acceptor?, kind: kind? })
}

impl Filter {
    /// Whether this row is wanted.
    pub fn takes(&self, row: &Row) -> bool {
        self.issuer.as_ref().is_none_or(|issuer| *issuer == row.issuer)
            && self.acceptor.as_ref().is_none_or(|acceptor| *acceptor == row.acceptor)
            && self.kind.is_none_or(|kind| kind == row.kind)
    }

    /// A text that differs where two filters do; no name holds a blank.
    pub fn text(&self) -> String {
        let issuer = self.issuer.as_ref().map_or("", WalletName::as_str);
        let acceptor = self.acceptor.as_ref().map_or("", RailName::as_str);
        format!("{issuer} {acceptor} {}", self.kind.map_or("", CodeKind::as_str))
    }
}
