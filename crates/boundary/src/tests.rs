use super::*;

#[test]
fn every_name_leads_back_to_its_field() {
    for field in Field::ALL {
        assert_eq!(Field::parse(field.name()), Ok(field));
        assert!(!field.audiences().is_empty(), "{field}");
        let code = field.withheld_code();
        assert!(
            code.len() <= 64 && code.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')),
            "{code}"
        );
    }
    assert_eq!(Field::parse("client_context.shoe_size"), Err(UnknownField));
    assert_eq!(Field::parse(""), Err(UnknownField));
}

/// Whoever changes a line here changes who sees what: this is meant to be looked at.
#[test]
fn what_rails_may_see_is_this() {
    let of = |term| Fields::those(|field| field.is_for(Audience::Rail) && field.is_term() == term);
    let lines = |fields: Fields| fields.iter().map(Field::name).collect::<Vec<_>>();
    let terms = [
        "attempt.capture_number",
        "attempt.create_time",
        "attempt.credit_excluded",
        "attempt.expire_time",
        "attempt.order_number",
        "attempt.payable_amount",
        "attempt.presentation",
        "attempt.rail_reference",
        "attempt.wallet",
        "payment_intent.amount_captured",
        "refund.amount",
        "refund.create_time",
        "refund.refund_number",
    ];
    let others = [
        "client_context.payer_code",
        "client_context.payer_id",
        "client_context.payer_ip",
        "declared_facts.payer_reference",
        "payer_card.bank_account",
        "payer_card.bank_type",
        "payer_card.real_name",
        "payment_intent.description",
        "refund.reason",
    ];
    assert_eq!(lines(of(true)), terms);
    assert_eq!(lines(of(false)), others);
}

/// Neither the rails' nor the events' readers are ever told who the payer is by the storefront's own name.
#[test]
fn nothing_of_a_payer_is_for_events() {
    for field in Field::ALL.into_iter().filter(|field| field.is_for(Audience::Event)) {
        let purpose = field.purpose();
        assert!(
            !matches!(purpose, Purpose::IdentifyPayer | Purpose::Risk | Purpose::Decide),
            "{field}: {purpose:?}"
        );
        assert!(!field.name().starts_with("next_action."), "{field}");
    }
    let reference = Field::DeclaredFactsPayerReference;
    assert!(reference.is_pseudonymous() && reference.is_for(Audience::Rail));
}

#[test]
fn sets_are_sets() {
    let (ip, id) = (Field::ClientContextPayerIp, Field::ClientContextPayerId);
    let both: Fields = [ip, id].into_iter().collect();
    let one: Fields = [ip].into_iter().collect();
    assert!(both.contains(id) && !one.contains(id));
    assert_eq!(both.and(one), one);
    assert_eq!(one.or(both), both);
    assert_eq!(both.to_string(), "client_context.payer_id,client_context.payer_ip");
    assert!(Fields::NONE.is_empty() && Fields::those(|_| true).iter().count() == Field::COUNT);
}
