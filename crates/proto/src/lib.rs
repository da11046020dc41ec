//! The storefront contract as Rust: messages, clients and servers of `proto/paifang/v1`, generated at build time.
//!
//! [`v1`] holds everything, documented by the comments of the protos. [`FILE_DESCRIPTOR_SET`] is the same contract as
//! data, for server reflection. Messages that hold payer data print without it (`guarded.rs`), and what an event carries is
//! cut to the marks of the schema (`bounded.rs`). Only `gateway` and `client` import this crate; nothing below them knows protobuf.
#![forbid(unsafe_code)]

mod bounded;
mod guarded;

pub use bounded::Bounded;

/// Package `paifang.v1`.
#[allow(missing_docs, clippy::all, clippy::pedantic)] // generated: its quality is the generator's business
pub mod v1 {
    tonic::include_proto!("paifang.v1");
}

/// The encoded `google.protobuf.FileDescriptorSet` of the contract and of all that it imports, without comments.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/paifang_v1.binpb"));

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    fn contract() -> Vec<prost_types::FileDescriptorProto> {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        set.file.into_iter().filter(|file| file.package() == "paifang.v1").collect()
    }

    #[test]
    fn reflection_knows_every_service_and_every_import() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let names: Vec<&str> = set.file.iter().map(|file| file.name()).collect();
        for file in &set.file {
            for import in &file.dependency {
                assert!(
                    names.contains(&import.as_str()),
                    "{import} is imported by {} and missing",
                    file.name()
                );
            }
        }
        let files = contract();
        let mut services: Vec<&str> = files.iter().flat_map(|file| &file.service).map(|s| s.name()).collect();
        services.sort_unstable();
        let expected = [
            "BulkRefundService",
            "EventService",
            "FundsService",
            "LedgerService",
            "PaymentIntentService",
            "PolicyService",
            "RefundService",
            "StatementService",
            "WalletService",
        ];
        assert_eq!(services, expected);
    }

    /// A client that repeats a call by itself reads this; a method without it would be guessed at.
    #[test]
    fn every_method_says_whether_it_may_be_repeated() {
        use prost_types::method_options::IdempotencyLevel::{IdempotencyUnknown, NoSideEffects};
        for method in contract().iter().flat_map(|file| &file.service).flat_map(|service| &service.method) {
            let level = method.options.as_ref().unwrap().idempotency_level();
            assert_ne!(level, IdempotencyUnknown, "{}", method.name());
            let reads = ["Get", "List", "Count", "Watch", "Explain", "Consult", "Identify"];
            let is_read = reads.iter().any(|verb| method.name().starts_with(verb));
            assert_eq!(level == NoSideEffects, is_read, "{}", method.name());
        }
    }

    /// F01 begins here: a call that moves money and has no request id could not be repeated safely.
    #[test]
    fn every_call_that_moves_money_has_a_request_id_first() {
        let files = contract();
        let messages: Vec<_> = files.iter().flat_map(|file| &file.message_type).collect();
        for method in files.iter().flat_map(|file| &file.service).flat_map(|service| &service.method) {
            let verbs = [
                "Create", "Confirm", "Capture", "Cancel", "Draft", "Announce", "Recall", "Retire",
                "RollBack", "Reopen",
            ];
            if !verbs.iter().any(|verb| method.name().starts_with(verb)) {
                continue;
            }
            let name = method.input_type().rsplit('.').next().unwrap();
            let request = messages.iter().find(|message| message.name() == name).unwrap();
            assert_eq!(request.field[0].name(), "request_id", "{name}");
        }
    }

    /// Money is an integer everywhere, and no rail or wallet is named by the contract's closed sets.
    #[test]
    fn no_field_is_a_float_and_no_enum_names_a_rail() {
        use prost_types::field_descriptor_proto::Type;
        for file in contract() {
            for message in &file.message_type {
                for field in &message.field {
                    assert!(!matches!(field.r#type(), Type::Float | Type::Double), "{}", field.name());
                }
            }
            for value in file.enum_type.iter().flat_map(|e| &e.value) {
                for rail in ["ALIPAY", "WECHAT", "UNIONPAY"] {
                    assert!(!value.name().contains(rail), "{}", value.name());
                }
            }
        }
    }
}
