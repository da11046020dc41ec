//! The corpus as it lies in the repository is what this crate makes; `PAIFANG_RENEW_CORPUS=1` writes it.
#![allow(clippy::print_stdout)] // the figures are told
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::{BTreeMap, BTreeSet};

use paifang_hostile::{Expected, corpus, folder, load, write};

#[test]
fn the_data_is_what_the_generator_makes() {
    let made = corpus();
    if std::env::var_os("PAIFANG_RENEW_CORPUS").is_some() {
        // A family that is no more leaves no file behind.
        let _ = std::fs::remove_dir_all(folder());
        for (name, cases) in &made {
            let path = folder().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, write(cases)).unwrap();
        }
    }
    let found: BTreeMap<_, _> = load().unwrap().into_iter().collect();
    let made: BTreeMap<_, _> = made.into_iter().collect();
    let names = |files: &BTreeMap<String, Vec<_>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&made), "files");
    for (name, cases) in &made {
        let difference = cases.iter().zip(&found[name]).find(|(made, found)| made != found);
        assert!(difference.is_none(), "{name}: {:?}", difference.map(|(made, _)| &made.name));
        assert_eq!(cases.len(), found[name].len(), "{name}");
    }
}

#[test]
fn the_corpus_is_large_enough_and_every_case_has_its_reason() {
    let (mut names, mut bodies, mut per_rail) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for (file, cases) in load().unwrap() {
        let rail = file.split('/').next().unwrap().to_owned();
        for case in cases {
            assert!(names.insert(case.name.clone()), "{} twice", case.name);
            assert!(
                !case.reason.is_empty() && !case.kind.is_empty() && !case.from.is_empty(),
                "{}",
                case.name
            );
            let sent = (&case.about, &case.account, &case.request, &case.query, &case.status, &case.headers);
            let content = format!("{rail} {sent:?} {:?}", case.body());
            assert!(bodies.insert(content), "{} is another case again", case.name);
            if case.expected != Expected::Accepted {
                *per_rail.entry(rail.clone()).or_insert(0) += 1;
            }
        }
    }
    println!("hostile cases: {per_rail:?}");
    assert!(per_rail.values().all(|count| *count >= 150) && per_rail.len() == 3, "{per_rail:?}");
}
