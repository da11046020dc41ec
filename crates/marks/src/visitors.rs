//! Writes the walks over messages for the crate `proto`.

use std::fmt::Write;

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor, OneofDescriptor};

use crate::{EVENT, Error, camel, name, reach, snake, variant};

/// Words of Rust that a field may be called.
const RAW: [&str; 3] = ["type", "match", "ref"];

pub(crate) fn code(pool: &DescriptorPool) -> Result<String, Error> {
    let missing = || Error::Broken(format!("the schema has no message {EVENT}"));
    let event = pool.get_message_by_name(EVENT).ok_or_else(missing)?;
    let mut code = String::new();
    for message in reach::messages(vec![event]) {
        let kind = message.name();
        let (walks, keeps) = (walks(&message).concat(), keeps(&message).concat());
        // A message without fields, such as one that only says that something happened, asks nothing.
        let found = if walks.is_empty() { "_found" } else { "found" };
        let allowed = if keeps.is_empty() { "_allowed" } else { "allowed" };
        // Writing into a String never fails.
        let _ = write!(
            code,
            "impl Bounded for v1::{kind} {{\n    fn each(&self, {found}: &mut dyn FnMut(Field)) {{\n{walks}    }}\n\n    \
             fn keep(&mut self, {allowed}: &dyn Fn(Field) -> bool) {{\n{keeps}    }}\n}}\n"
        );
    }
    Ok(code)
}

/// A part of a message: a field by itself, or the choice that it belongs to.
fn parts(message: &MessageDescriptor) -> (Vec<FieldDescriptor>, Vec<OneofDescriptor>) {
    let choices: Vec<_> = message.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
    let alone = |field: &FieldDescriptor| field.containing_oneof().is_none_or(|oneof| oneof.is_synthetic());
    (message.fields().filter(alone).collect(), choices)
}

fn walks(message: &MessageDescriptor) -> Vec<String> {
    let (fields, choices) = parts(message);
    let fields = fields.into_iter().map(|field| {
        let (rust, variant) = (rust(&field), variant(&name(&field)));
        let inner = reach::held(&field).map(|_| match field.is_map() {
            true => format!("self.{rust}.values().for_each(|inner| inner.each(found));"),
            false => format!("self.{rust}.iter().for_each(|inner| inner.each(found));"),
        });
        let inner = inner.unwrap_or_default();
        format!("        if is_set(&self.{rust}) {{ found(Field::{variant}); {inner} }}\n")
    });
    let choices = choices.into_iter().map(|choice| {
        let arms: String = arms(message, &choice, |field, path| {
            let (variant, inner) = (variant(&name(field)), reach::held(field));
            let inner = inner.map(|_| "inner.each(found);").unwrap_or_default();
            format!("            Some({path}(inner)) => {{ found(Field::{variant}); {inner} }}\n")
        });
        format!("        match &self.{} {{\n{arms}            None => {{}}\n        }}\n", choice.name())
    });
    fields.chain(choices).collect()
}

fn keeps(message: &MessageDescriptor) -> Vec<String> {
    let (fields, choices) = parts(message);
    let fields = fields.into_iter().map(|field| {
        let (rust, variant) = (rust(&field), variant(&name(&field)));
        let inner = reach::held(&field).map(|_| match field.is_map() {
            true => format!(" else {{ self.{rust}.values_mut().for_each(|inner| inner.keep(allowed)); }}"),
            false => format!(" else {{ self.{rust}.iter_mut().for_each(|inner| inner.keep(allowed)); }}"),
        });
        let inner = inner.unwrap_or_default();
        format!("        if !allowed(Field::{variant}) {{ self.{rust} = Default::default(); }}{inner}\n")
    });
    let choices = choices.into_iter().map(|choice| {
        let own = choice.name().to_owned();
        let arms: String = arms(message, &choice, |field, path| {
            let variant = variant(&name(field));
            let inner = reach::held(field).map(|_| "inner.keep(allowed)").unwrap_or("()");
            format!(
                "            Some({path}(inner)) => if allowed(Field::{variant}) {{ {inner} }} else {{ self.{own} = None }},\n"
            )
        });
        format!("        match &mut self.{own} {{\n{arms}            None => {{}}\n        }}\n")
    });
    fields.chain(choices).collect()
}

/// One arm per field of a choice; `path` is that of its variant.
fn arms(
    message: &MessageDescriptor,
    choice: &OneofDescriptor,
    arm: impl Fn(&FieldDescriptor, &str) -> String,
) -> String {
    let prefix = format!("v1::{}::{}", snake(message.name()), camel(choice.name()));
    choice.fields().map(|field| arm(&field, &format!("{prefix}::{}", camel(field.name())))).collect()
}

fn rust(field: &FieldDescriptor) -> String {
    let name = field.name();
    if RAW.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}
