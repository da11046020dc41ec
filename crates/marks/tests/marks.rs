//! A schema whose marks are missing or wrong does not build: the checking function and the work of the build scripts, over copies
//! of the contract that were changed in one place.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::fs;
use std::path::Path;

use paifang_marks::{Contract, Error, generate, read};
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");

/// A copy of the contract in which one text was replaced by another.
fn changed(file: &str, from: &str, to: &str) -> Result<Contract, Error> {
    read(copied(file, from, to).path())
}

fn copied(file: &str, from: &str, to: &str) -> TempDir {
    let copy = TempDir::new().unwrap();
    for folder in ["paifang/v1", "paifang/boundary/v1"] {
        fs::create_dir_all(copy.path().join(folder)).unwrap();
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap())).unwrap();
        }
    }
    let path = copy.path().join("paifang/v1").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    copy
}

#[track_caller]
fn refused(file: &str, from: &str, to: &str) -> String {
    match changed(file, from, to) {
        Ok(_) => panic!("{to:?} is taken"),
        Err(error @ Error::Marks(_)) => error.to_string(),
        Err(error @ Error::Broken(_)) => panic!("it does not compile: {error}"),
    }
}

#[test]
fn the_contract_as_it_is_has_a_mark_for_every_field() {
    let contract = read(Path::new(ROOT)).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = contract.marked().iter().map(|one| one.name.as_str()).collect();
    for expected in [
        "attempt.order_number",
        "client_context.payer_id",
        "create_payment_intent_request.metadata",
        "declared_facts.product_live_room",
        "form_field.value",
        "money.minor_units",
        "payment_intent.next_action",
        "refund.reason",
    ] {
        assert!(names.contains(&expected), "{expected}");
    }
    assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

/// Must show 3: somebody adds a field and does not think of who may see it.
#[test]
fn a_field_without_a_mark_does_not_build_and_is_named() {
    let told = refused(
        "client_context.proto",
        "message ClientContext {",
        "message ClientContext {\n  string shoe_size = 77;",
    );
    let expected = "the field paifang.v1.ClientContext.shoe_size has no mark: write [(paifang.boundary.v1.mark) = {purpose: \
                    PURPOSE_..., audiences: [AUDIENCE_..., ...]}] behind its number; what they mean stands in \
                    proto/paifang/boundary/v1/boundary.proto\n";
    assert_eq!(told, expected);
}

/// What the two build scripts do: cargo is told each line as an error, and the code that their crates include is not there, also
/// where an earlier build has left some.
#[test]
fn the_build_ends_where_a_mark_is_missing() {
    let out = TempDir::new().unwrap();
    let (fields, bounded) = (out.path().join("fields.rs"), out.path().join("bounded.rs"));
    let run = |root: &Path| {
        let mut cargo = Vec::new();
        let of_fields = generate(root, &fields, Contract::fields, &mut cargo).unwrap();
        let of_visitors = generate(root, &bounded, Contract::visitors, &mut cargo).unwrap();
        assert_eq!(of_fields, of_visitors);
        (of_fields, String::from_utf8(cargo).unwrap())
    };
    let (files, told) = run(Path::new(ROOT));
    assert!(files.unwrap().iter().any(|file| file.ends_with("paifang/v1/event.proto")));
    assert!(!told.contains("cargo::error") && fields.exists() && bounded.exists(), "{told}");

    let begin = "message Refund {";
    let two = format!("{begin}\n  string shoe_size = 77;\n  string hat_size = 78;");
    let copy = copied("refund.proto", begin, &two);
    let (files, told) = run(copy.path());
    assert_eq!(files, None);
    assert!(!fields.exists() && !bounded.exists(), "nothing is left to be included");
    for field in ["hat_size", "shoe_size"] {
        let error = format!("cargo::error=the field paifang.v1.Refund.{field} has no mark: write ");
        assert_eq!(told.lines().filter(|line| line.starts_with(&error)).count(), 2, "{told}");
    }
    for script in ["boundary", "proto"] {
        let path = Path::new(ROOT).join("../crates").join(script).join("build.rs");
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("paifang_marks::build(\""), "{script} goes by this");
    }
}

/// The same in every place that a payer's or an order's data comes in by, or goes out in an event: also in a message that is
/// new, and one that is only held by another.
#[test]
fn no_message_of_a_request_or_of_an_event_is_forgotten() {
    for (file, message) in [
        ("payment_intent.proto", "PaymentIntent"),
        ("attempt.proto", "Attempt"),
        ("refund.proto", "Refund"),
        ("declared_facts.proto", "DeclaredFacts"),
        ("failure.proto", "Failure"),
        ("money.proto", "Money"),
        ("event.proto", "Event"),
        ("next_action.proto", "FormField"),
        ("payment_intent_service.proto", "WalletChoice"),
        ("payment_intent_service.proto", "CreatePaymentIntentRequest"),
        ("payment_intent_service.proto", "ConfirmPaymentIntentRequest"),
        ("payment_intent_service.proto", "ListPaymentIntentsRequest"),
        ("refund_service.proto", "CreateRefundRequest"),
        ("wallet_service.proto", "ConsultWalletsRequest"),
        ("policy_service.proto", "DraftPolicyRequest"),
    ] {
        let begin = format!("message {message} {{");
        let told = refused(file, &begin, &format!("{begin}\n  string shoe_size = 77;"));
        assert!(told.contains(&format!("paifang.v1.{message}.shoe_size has no mark")), "{told}");
    }
    let held = "message Refund {\n  Shoes shoes = 77 [(paifang.boundary.v1.mark) = {purpose: PURPOSE_NOTE \
                audiences: AUDIENCE_EVENT}];";
    let told =
        refused("refund.proto", "message Refund {", &format!("message Shoes {{ string size = 1; }}\n{held}"));
    assert!(told.contains("paifang.v1.Shoes.size has no mark"), "{told}");
}

#[test]
fn a_mark_that_says_nothing_or_contradicts_itself_is_refused() {
    let marked = |mark: &str| {
        let field = format!(
            "message ClientContext {{\n  string shoe_size = 77 [(paifang.boundary.v1.mark) = {{{mark}}}];"
        );
        refused("client_context.proto", "message ClientContext {", &field)
    };
    for (mark, rule) in [
        ("audiences: AUDIENCE_RAIL", "says no purpose"),
        ("purpose: PURPOSE_UNSPECIFIED audiences: AUDIENCE_RAIL", "says no purpose"),
        ("purpose: PURPOSE_PAY", "must name its audiences"),
        ("purpose: PURPOSE_PAY audiences: AUDIENCE_UNSPECIFIED", "must name its audiences"),
        (
            "purpose: PURPOSE_PAY audiences: [AUDIENCE_RAIL, AUDIENCE_EVENT, AUDIENCE_RAIL]",
            "must name its audiences",
        ),
        ("purpose: PURPOSE_RISK audiences: AUDIENCE_EVENT", "which is never for AUDIENCE_EVENT"),
        (
            "purpose: PURPOSE_IDENTIFY_PAYER audiences: [AUDIENCE_RAIL, AUDIENCE_EVENT]",
            "which is never for AUDIENCE_EVENT",
        ),
    ] {
        let told = marked(mark);
        assert!(told.contains("ClientContext.shoe_size ") && told.contains(rule), "{mark}: {told}");
    }
    let number = "message ClientContext {\n  int32 shoe_size = 77 [(paifang.boundary.v1.mark) = {purpose: PURPOSE_RISK \
                  audiences: AUDIENCE_RAIL as_pseudonym: true}];";
    let told = refused("client_context.proto", "message ClientContext {", number);
    assert!(told.contains("is no text"), "{told}");
}

/// A mark that is not there stays not there: what a value means in code is taken from the schema, whatever its spelling.
#[test]
fn a_mark_reaches_the_generated_code() {
    let field = "message ClientContext {\n  string shoe_size = 77 [(paifang.boundary.v1.mark) = {purpose: PURPOSE_RISK \
                 audiences: [AUDIENCE_RAIL, AUDIENCE_GATEWAY]}];";
    let contract = changed("client_context.proto", "message ClientContext {", field);
    let code = contract.and_then(|contract| contract.fields()).unwrap_or_else(|error| panic!("{error}"));
    let row = "Mark { name: \"client_context.shoe_size\", withheld: \"withheld_client_context_shoe_size\", purpose: \
               Purpose::Risk, audiences: &[Audience::Gateway, Audience::Rail], as_pseudonym: false, term: false },";
    assert!(code.contains(row), "{code}");
    assert!(code.contains("impl RailField for ClientContextShoeSize"));
    assert!(!code.contains("impl RailField for PaymentIntentMetadata"), "notes are for no rail");
}
