//! Who may call what: one table, deny by default (S7). A test holds it against the contract, so that a new method without
//! a row fails the build's tests.

/// What a method is, for access and for shedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody; it tells nothing about anybody's payments.
    Open,
    /// A storefront's key. Turned away first when too much is under way: a read can come again.
    Read,
    /// A storefront's key. It moves money, or prepares to; or it changes the rules of that.
    Move,
}

/// Every method that there is.
const TABLE: &[(&str, Access)] = &[
    ("/grpc.health.v1.Health/Check", Access::Open),
    ("/grpc.health.v1.Health/List", Access::Open),
    ("/grpc.health.v1.Health/Watch", Access::Open),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Access::Open),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Access::Open),
    ("/paifang.v1.PaymentIntentService/CreatePaymentIntent", Access::Move),
    ("/paifang.v1.PaymentIntentService/ConfirmPaymentIntent", Access::Move),
    ("/paifang.v1.PaymentIntentService/GetPaymentIntent", Access::Read),
    ("/paifang.v1.PaymentIntentService/GetPaymentIntentByRequestId", Access::Read),
    ("/paifang.v1.PaymentIntentService/ListPaymentIntents", Access::Read),
    ("/paifang.v1.PaymentIntentService/CapturePaymentIntent", Access::Move),
    ("/paifang.v1.PaymentIntentService/CancelPaymentIntent", Access::Move),
    ("/paifang.v1.PaymentIntentService/WatchPaymentIntent", Access::Read),
    ("/paifang.v1.PaymentIntentService/ExplainPaymentIntent", Access::Read),
    ("/paifang.v1.PaymentIntentService/ReportComplaint", Access::Move),
    ("/paifang.v1.RefundService/CreateRefund", Access::Move),
    ("/paifang.v1.RefundService/CancelRefund", Access::Move),
    ("/paifang.v1.RefundService/ReverseRefundDecision", Access::Move),
    ("/paifang.v1.RefundService/GetRefund", Access::Read),
    ("/paifang.v1.RefundService/ListRefunds", Access::Read),
    ("/paifang.v1.BulkRefundService/CreateBulkRefund", Access::Move),
    ("/paifang.v1.BulkRefundService/AddBulkRefundEntries", Access::Move),
    ("/paifang.v1.BulkRefundService/StartBulkRefund", Access::Move),
    ("/paifang.v1.BulkRefundService/PauseBulkRefund", Access::Move),
    ("/paifang.v1.BulkRefundService/ResumeBulkRefund", Access::Move),
    ("/paifang.v1.BulkRefundService/CancelBulkRefund", Access::Move),
    ("/paifang.v1.BulkRefundService/GetBulkRefund", Access::Read),
    ("/paifang.v1.BulkRefundService/ListBulkRefunds", Access::Read),
    ("/paifang.v1.BulkRefundService/ListBulkRefundEntries", Access::Read),
    ("/paifang.v1.WalletService/ConsultWallets", Access::Read),
    ("/paifang.v1.WalletService/IdentifyPayerCode", Access::Read),
    ("/paifang.v1.WalletService/ListInteroperability", Access::Read),
    ("/paifang.v1.PolicyService/DraftPolicy", Access::Move),
    ("/paifang.v1.PolicyService/AnnouncePolicy", Access::Move),
    ("/paifang.v1.PolicyService/RecallPolicy", Access::Move),
    ("/paifang.v1.PolicyService/RetirePolicy", Access::Move),
    ("/paifang.v1.PolicyService/RollBackOpening", Access::Move),
    ("/paifang.v1.PolicyService/ReopenOpening", Access::Move),
    ("/paifang.v1.PolicyService/GetPolicy", Access::Read),
    ("/paifang.v1.PolicyService/GetPolicyVersion", Access::Read),
    ("/paifang.v1.PolicyService/ListPolicyDecisions", Access::Read),
    ("/paifang.v1.PolicyService/ListPolicyChanges", Access::Read),
    ("/paifang.v1.PolicyService/ListPolicySpans", Access::Read),
    ("/paifang.v1.PolicyService/CountPolicyDecisions", Access::Read),
    ("/paifang.v1.FundsService/TransferFunds", Access::Move),
    ("/paifang.v1.EventService/ListEvents", Access::Read),
    ("/paifang.v1.EventService/WatchEvents", Access::Read),
    ("/paifang.v1.LedgerService/ListAccounts", Access::Read),
    ("/paifang.v1.LedgerService/GetBalance", Access::Read),
    ("/paifang.v1.LedgerService/ListTransfers", Access::Read),
    ("/paifang.v1.StatementService/GetNetStatement", Access::Read),
    ("/paifang.v1.StatementService/ListNetStatementEntries", Access::Read),
];

/// The row of the method at this path; `None` for one that there is not.
pub(crate) fn row(path: &str) -> Option<(&'static str, Access)> {
    TABLE.iter().find(|(known, _)| *known == path).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;
    use prost_types::method_options::IdempotencyLevel::NoSideEffects;

    use super::*;

    #[test]
    fn every_method_of_the_contract_has_a_row_and_every_row_a_method() {
        let set = FileDescriptorSet::decode(paifang_proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut contract = BTreeSet::new();
        for file in set.file.iter().filter(|file| file.package() == "paifang.v1") {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/paifang.v1.{}/{}", service.name(), method.name());
                    let reads = method.options.as_ref().unwrap().idempotency_level() == NoSideEffects;
                    let expected = if reads { Access::Read } else { Access::Move };
                    assert_eq!(row(&path).map(|(_, access)| access), Some(expected), "{path}");
                    contract.insert(path);
                }
            }
        }
        let rows = TABLE.iter().filter(|(_, access)| *access != Access::Open);
        assert_eq!(rows.map(|(path, _)| (*path).to_owned()).collect::<BTreeSet<_>>(), contract);
    }

    #[test]
    fn what_is_not_in_the_table_is_no_method() {
        for path in ["", "/", "/paifang.v1.PaymentIntentService/", "/paifang.v1.EventService/listevents"] {
            assert_eq!(row(path), None, "{path}");
        }
    }
}
