//! Which servers and schemas are used, and which are refused.

mod common;

use std::process::Command;

use common::{database, desk, open_at, runtime, server};
use paifang_conformance::postgres::Server;
use paifang_conformance::{block_on, hand::fen};
use paifang_store::Store;
use paifang_store_postgres::{Clock, MigrateError, OpenError, PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

fn open(url: &str) -> Result<PostgresStore, OpenError> {
    runtime().block_on(open_at(url, Clock::Server))
}

/// F25, I3: a server or session that may lose what it acknowledges, or lags behind, is refused by name; also when it becomes
/// so while the store is open, for each new connection.
#[test]
fn f25_what_is_not_durable_is_refused() {
    for setting in ["fsync", "full_page_writes"] {
        let weak = Server::start(&[&format!("{setting}=off")]).expect("a server");
        let name = weak.database(None).expect("a database");
        let refused = open(&weak.url(&name)).map(drop).expect_err(setting);
        assert!(
            matches!(&refused, OpenError::Unfit { setting: named, .. } if *named == setting),
            "{refused:?}"
        );
    }
    for (setting, value, named) in [
        ("synchronous_commit", "off", "synchronous_commit"),
        ("synchronous_commit", "local", "synchronous_commit"),
        ("default_transaction_read_only", "on", "transaction_read_only"),
    ] {
        let database = database();
        let store = open(&server().url(&database)).expect("it is still fit");
        server()
            .say("postgres", &format!("ALTER DATABASE {database} SET {setting} = {value}"))
            .expect("a setting");
        let refused = open(&server().url(&database)).map(drop).expect_err(value);
        assert!(matches!(&refused, OpenError::Unfit { setting, .. } if *setting == named), "{refused:?}");
        let later = block_on(store.stats()).map(drop).expect_err("its connections are made now");
        assert!(matches!(later, paifang_store::StoreError::Unavailable(_)), "{later:?}");
    }
}

/// F31: a later release may have changed the schema under us. Where it says that we can live with it, we start; where it
/// says that we cannot, we do not.
#[test]
fn f31_a_newer_schema_is_used_unless_it_says_otherwise() {
    let database = database();
    let known = known(&database);
    let later = |needs: i64| {
        format!("INSERT INTO paifang.migration (version, needs) VALUES ({}, {needs})", needs + 90)
    };
    server().say(&database, &later(known)).expect("a row");
    let desk = desk(&database, 1);
    block_on(async {
        desk.paid(fen(100)).await;
        desk.clean().await;
    });
    server().say(&database, &later(known + 1)).expect("a row");
    let refused = open(&server().url(&database)).map(drop).expect_err("it needs a later release");
    let newer = MigrateError::Newer { found: known + 91, needs: known + 1, known };
    assert_eq!(refused.to_string(), newer.to_string());
}

/// The last schema that this release knows: that of a fresh database.
fn known(database: &str) -> i64 {
    let version = server().say(database, "SELECT max(version) FROM paifang.migration").expect("a number");
    version.parse().expect("a number")
}

/// Somebody else's schema of our name is left alone; an empty one was made for us.
#[test]
fn a_foreign_schema_is_left_alone() {
    let name = server().database(None).expect("a database");
    server().say(&name, "CREATE SCHEMA paifang").expect("a schema");
    drop(open(&server().url(&name)).expect("it was made for us"));
    let name = server().database(None).expect("a database");
    server().say(&name, "CREATE SCHEMA paifang; CREATE TABLE paifang.song (title text)").expect("a table");
    let refused = open(&server().url(&name)).map(drop).expect_err("it is not ours");
    assert!(matches!(refused, OpenError::Schema(MigrateError::Foreign)), "{refused:?}");
    assert_eq!(
        server().say(&name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'paifang'").expect("a count"),
        "1"
    );
}

/// Many replicas that start at once on a fresh database all come up, and the schema is made once.
#[test]
fn replicas_that_start_together_make_one_schema() {
    let name = server().database(None).expect("a database");
    let url = server().url(&name);
    let opened = runtime().block_on(async {
        let openings = (0..8).map(|_| open_at(&url, Clock::Server));
        futures_of(openings).await
    });
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    let count = server().say(&name, "SELECT count(*) FROM paifang.migration").expect("a count");
    assert_eq!(count, known(&database()).to_string());
}

async fn futures_of<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    futures::future::join_all(all).await
}

/// An authority, and what it says about `localhost`.
fn certificates(dir: &std::path::Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let leaf = params.signed_by(&key, &authority).expect("a certificate");
    std::fs::write(dir.join("authority.pem"), authority.pem()).expect("a file");
    std::fs::write(dir.join("server.pem"), leaf.pem()).expect("a file");
    std::fs::write(dir.join("server.key"), key.serialize_pem()).expect("a file");
}

/// F16, I15: with `sslmode=require` the server proves its name by an authority that we know, or it is not spoken to.
#[test]
fn f16_the_server_proves_who_it_is() {
    let (database, directory) = (database(), &server().directory);
    let plain = open(&server().url(&database).replace("127.0.0.1", "localhost")).map(drop);
    plain.expect("without TLS, on this machine");
    let url = |host: &str, more: &str| {
        let url = server().url(&database).replace("127.0.0.1", host);
        format!("{url}?sslmode=require{more}")
    };
    let refused = open(&url("localhost", "")).map(drop).expect_err("the server has no TLS yet");
    assert!(matches!(refused, OpenError::Connect { .. }), "{refused:?}");

    certificates(directory);
    let other = tempfile::tempdir().expect("a directory");
    certificates(other.path());
    let mut own = Command::new("sh");
    own.args(["-c", "chmod 600 server.key && chown --reference=. server.key server.pem"])
        .current_dir(directory);
    assert!(own.status().expect("a shell").success());
    let place = directory.display();
    let on = format!(
        "ALTER SYSTEM SET ssl_cert_file = '{place}/server.pem'; ALTER SYSTEM SET ssl_key_file = '{place}/server.key';
         ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf()"
    );
    server().say("postgres", &on).expect("settings");
    let trusted = format!("&sslrootcert={place}/authority.pem");
    // The server takes the settings up a moment after it was told.
    let reached = (0..1_000).find_map(|_| open(&url("localhost", &trusted)).ok()).expect("TLS");
    let ciphers =
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND datname =";
    block_on(reached.stats()).expect("it works");
    assert_ne!(server().say("postgres", &format!("{ciphers} '{database}'")).expect("a count"), "0");
    for unproven in [
        url("127.0.0.1", &trusted),
        url("localhost", ""),
        url("localhost", &format!("&sslrootcert={}/authority.pem", other.path().display())),
    ] {
        let refused = open(&unproven).map(drop).expect_err(&unproven);
        assert!(matches!(refused, OpenError::Connect { .. }), "{refused:?}");
    }
}
