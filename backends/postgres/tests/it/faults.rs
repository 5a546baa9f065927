//! What happens when the server, a connection, the address or the schema is not as it should be.

use crate::place::{Place, server, vault};
use crate::wire::Wire;
use hark_core::ErrorKind::{Config, Conflict, Corrupt, Invalid, Timeout, Unavailable};
use hark_core::store::{Accepted, NewEvent};
use hark_core::testkit::fixtures::{after, erasure, event, job, memory, phone, scopes, start};
use hark_core::{Error, ErrorKind, Memory};
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use std::str::FromStr;
use std::time::Duration;
use tokio::time::timeout;

/// What a caller of ours decides by.
pub(crate) fn verdict(error: &Error) -> (ErrorKind, bool) {
    (error.kind(), error.is_retriable())
}

/// The server's address with other parts in it.
pub(crate) fn address(change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> String {
    let options = change(PgConnectOptions::from_str(&server()).expect("an address"));
    options.to_url_lossy().to_string()
}

async fn refused(place: &Place, section: serde_json::Value) -> Error {
    let error = place.opened(section, Some(vault())).await.expect_err("it is refused");
    assert_eq!(error.operation(), "postgres.open");
    assert!(!format!("{error} {error:?}").contains("tortoise"), "{error:?}");
    error
}

#[tokio::test]
async fn a_server_that_is_not_there_may_be_tried_again() {
    let place = Place::new();
    let mut wire = Wire::new("127.0.0.1:1").await;
    let gone = json!({"url": format!("postgres://sam:tortoise@{}/calls", wire.address), "acquire_timeout_ms": 2_000});
    let error = refused(&place, gone.clone()).await;
    assert_eq!(verdict(&error), (Unavailable, true), "{error:?}");
    wire.cut().await;
    let error = refused(&place, gone).await;
    assert_eq!(verdict(&error), (Unavailable, true), "{error:?}");
    assert!(error.context().contains("the server does not answer"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for_longer_than_was_said() {
    let place = Place::new();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://sam:tortoise@{}/calls", silent.local_addr().unwrap());
    let opening = refused(&place, json!({"url": url, "acquire_timeout_ms": 50}));
    let error = timeout(Duration::from_secs(20), opening).await.expect("it gives up");
    assert_eq!(verdict(&error), (Unavailable, true), "{error:?}");
}

/// Makes a role that must give its password: `cargo xtask services` lets everybody else in.
async fn with_password(place: &Place, password: &str) {
    let mut stranger = place.stranger().await;
    // Two tests may make the group at once.
    let made = stranger.execute("CREATE ROLE hark_with_password").await;
    let already = ["42710", "23505"];
    if let Err(error) = made {
        let code = error.as_database_error().and_then(|error| error.code()).expect("the server says why");
        assert!(already.contains(&&*code), "{error}");
    }
    let role = format!("CREATE ROLE {} LOGIN PASSWORD '{password}' IN ROLE hark_with_password", place.name);
    stranger.execute(AssertSqlSafe(role)).await.expect("the role is made");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_told_and_the_right_one_is_taken() {
    let place = Place::new();
    with_password(&place, "right").await;
    let user = place.name.clone();
    let as_user = |password: &str| {
        format!("{}&application_name={user}", address(|options| options.username(&user).password(password)))
    };
    for wrong in ["tortoise", "", "right "] {
        let error = refused(&place, json!({"url": as_user(wrong)})).await;
        assert_eq!(verdict(&error), (Config, false), "{error:?}");
        assert!(error.context().contains("does not accept the user or the password"), "{error}");
    }
    let store = place.opened(json!({"url": as_user("right")}), Some(vault())).await.unwrap();
    store.health().await.unwrap();
    // Whoever opened it by accident into a log would tell everything else of it.
    assert!(!format!("{store:?}").contains("right"), "the password is told");
    // One that is changed while a process runs counts for the connections that come.
    place.tamper(format!("ALTER ROLE {user} PASSWORD 'tortoise'")).await;
    place.end_connections().await;
    let error = store.health().await.unwrap_err();
    assert_eq!(verdict(&error), (Config, false), "{error:?}");
    place.tamper(format!("ALTER ROLE {user} PASSWORD 'right'")).await;
    store.health().await.unwrap();
    store.close().await.unwrap();
    place.tamper(format!("DROP ROLE {user}")).await;
}

#[tokio::test]
async fn an_unknown_user_a_missing_database_and_a_missing_privilege_say_so() {
    let place = Place::new();
    let user = place.name.clone();
    place.stranger().await.execute(AssertSqlSafe(format!("CREATE ROLE {user} LOGIN PASSWORD 'right'"))).await.unwrap();
    let missing = address(|options| options.database("tortoise_missing"));
    let error = refused(&place, json!({"url": missing})).await;
    assert_eq!(verdict(&error), (Config, false), "{error:?}");
    assert!(error.context().contains("no database of that name"), "{error}");

    // May log in, but not make a schema.
    let url = address(|options| options.username(&user).password("right"));
    let store = place.opened(json!({"url": url}), Some(vault())).await.unwrap();
    let error = store.migrate().unwrap().run().await.unwrap_err();
    assert_eq!(verdict(&error), (Config, false), "{error:?}");
    assert!(error.context().contains("CREATE on the database"), "{error}");
    store.close().await.unwrap();

    let nobody = address(|options| options.username("tortoise_nobody").password("tortoise"));
    let error = refused(&place, json!({"url": nobody})).await;
    assert_eq!(verdict(&error), (Config, false), "{error:?}");
    assert!(error.context().contains("does not accept the user or the password"), "{error}");
    place.stranger().await.execute(AssertSqlSafe(format!("DROP ROLE {user}"))).await.unwrap();
}

#[tokio::test]
async fn an_owner_of_the_schema_needs_no_other_privilege() {
    let place = Place::new();
    let user = &place.name;
    let made = format!("CREATE ROLE {user} LOGIN PASSWORD 'right'; CREATE SCHEMA {user} AUTHORIZATION {user}");
    place.stranger().await.execute(AssertSqlSafe(made)).await.unwrap();
    let url = address(|options| options.username(user).password("right"));
    let store = place.opened(json!({"url": url}), Some(vault())).await.unwrap();
    store.migrate().unwrap().run().await.unwrap();
    assert_eq!(store.memory().unwrap().count_memories().await.unwrap(), 0);
    store.memory().unwrap().purge().await.unwrap();
    store.close().await.unwrap();
    let gone = format!("DROP OWNED BY {user}; DROP ROLE {user}");
    place.stranger().await.execute(AssertSqlSafe(gone)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_an_administrator_ends_are_noticed_by_nobody() {
    let place = Place::new();
    let store = place.migrated().await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    for round in 0..5 {
        place.end_connections().await;
        match round {
            0 => assert!(store.memory().user(&one).await.unwrap().is_some()),
            1 => store.memory().put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap(),
            2 => assert_eq!(store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.unwrap(), Accepted::New),
            3 => store.memory().set_name(&one, "Sam").await.unwrap(),
            _ => store.0.health().await.unwrap(),
        }
    }
    assert_eq!(store.memory().count_memories().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_away_calls_fail_in_time_and_when_it_is_back_they_go_on() {
    let place = Place::new();
    place.migrated().await;
    let known = PgConnectOptions::from_str(&server()).unwrap();
    let mut wire = Wire::new(&format!("{}:{}", known.get_host(), known.get_port())).await;
    let url = address(|options| options.host(&wire.address.ip().to_string()).port(wire.address.port()));
    let store = place.tuned(json!({"url": url, "acquire_timeout_ms": 300})).await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    for round in 0..2 {
        wire.cut().await;
        for error in [
            store.memory().user(&one).await.unwrap_err(),
            store.memory().put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap_err(),
            store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.unwrap_err(),
            store.0.health().await.unwrap_err(),
        ] {
            assert_eq!(verdict(&error), (Unavailable, true), "{error:?}");
            assert!(!error.is_unwritable(), "reading does not go on: {error:?}");
        }
        wire.mend().await;
        let id = format!("mem_{round}");
        store.memory().put_memories(&one, &[memory(&id, "Likes tea")]).await.unwrap();
        assert_eq!(store.memory().memories(&one, &[id.into()]).await.unwrap().len(), 1);
        store.0.health().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_somebody_holds_is_waited_for_no_longer_than_a_statement_may_take() {
    let place = Place::new();
    let store = place.tuned(json!({"statement_timeout_ms": 200})).await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    let mut stranger = place.stranger().await;
    stranger.execute("BEGIN; SELECT FROM users FOR UPDATE").await.unwrap();
    let error = store.memory().put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap_err();
    assert_eq!(verdict(&error), (Timeout, true), "{error:?}");
    assert!(store.memory().user(&one).await.unwrap().is_some(), "reading waits for nobody");
    stranger.execute("ROLLBACK").await.unwrap();
    store.memory().put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_wait_for_each_other_both_get_through() {
    let place = Place::new();
    let store = place.migrated().await;
    let [one, two, _] = scopes();
    for scope in [&one, &two] {
        store.memory().ensure_user(&scope.tenant, &[], &scope.caller, start()).await.unwrap();
        store.memory().put_memories(scope, &[memory(&format!("mem_{}", scope.caller), "Likes tea")]).await.unwrap();
    }
    // A stranger who locks against our order: first the memory, then its caller. The server ends one of the two.
    let mut stranger = place.stranger().await;
    stranger.execute("BEGIN; SELECT FROM memories WHERE caller = 'usr_1' FOR UPDATE").await.unwrap();
    let writing = tokio::spawn({
        let (memory, one) = (store.memory(), one.clone());
        async move { memory.delete_memories(&one, &["mem_usr_1".into()]).await }
    });
    // Until ours holds the caller and waits for the memory.
    let mut watching = place.stranger().await;
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'",
        )
        .bind(&place.name)
        .fetch_one(&mut watching)
        .await
        .unwrap();
        if waiting > 0 {
            break;
        }
    }
    // Whichever of the two is ended, ours gets through.
    let ring = stranger.execute("SELECT FROM users WHERE id = 'usr_1' FOR UPDATE; COMMIT").await;
    if ring.is_err() {
        stranger.execute("ROLLBACK").await.unwrap();
    }
    assert_eq!(writing.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_database_that_takes_no_writes_says_so_until_it_does_again() {
    let place = Place::new();
    let store = place.tuned(json!({"max_connections": 1})).await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    place
        .tamper(format!(
            "CREATE FUNCTION {0}.full() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'tortoise'; END $$;
        CREATE TRIGGER full_events BEFORE INSERT ON {0}.events EXECUTE FUNCTION {0}.full();
        CREATE TRIGGER full_turn BEFORE UPDATE ON {0}.job_turn EXECUTE FUNCTION {0}.full()",
            place.name
        ))
        .await;
    let error = store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.unwrap_err();
    assert_eq!((verdict(&error), error.refusal()), ((Unavailable, true), Some("disk full")), "{error:?}");
    assert!(store.memory().user(&one).await.unwrap().is_some(), "reading goes on");
    for error in [store.memory().ping().await.unwrap_err(), store.jobs().ping().await.unwrap_err()] {
        assert_eq!(error.refusal(), Some("disk full"), "{error:?}");
    }
    place.tamper("DROP TRIGGER full_events ON events; DROP TRIGGER full_turn ON job_turn").await;
    store.memory().ping().await.unwrap();
    assert_eq!(store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.unwrap(), Accepted::New);
}

#[tokio::test]
async fn a_value_nobody_wrote_is_corrupt_and_not_quoted() {
    let place = Place::new();
    let store = place.migrated().await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    store.memory().put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap();
    for change in [
        "UPDATE memories SET kind = 'gossip about Sam'",
        "UPDATE memories SET kind = 'fact', metadata = '{\"gossip about Sam\"'",
        "UPDATE memories SET metadata = '{}', occurred_at = 9223372036854775807",
    ] {
        place.tamper(change).await;
        let error = store.memory().memories(&one, &["mem_1".into()]).await.unwrap_err();
        assert_eq!(verdict(&error), (Corrupt, false), "{change}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("Sam"), "{error:?}");
    }
}

#[tokio::test]
async fn a_zero_byte_is_replaced_in_what_people_say_and_refused_in_an_id() {
    let place = Place::new();
    let store = place.migrated().await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    let told = Memory { speaker: Some("S\0m".to_owned()), ..memory("mem_1", "Likes\0 tea") };
    store.memory().put_memories(&one, &[told]).await.unwrap();
    let kept = store.memory().memories(&one, &["mem_1".into()]).await.unwrap().remove(0);
    assert_eq!((kept.content.as_str(), kept.speaker.as_deref()), ("Likes\u{fffd} tea", Some("S\u{fffd}m")));
    let odd = NewEvent { id: "evt_\0tortoise".into(), ..event("evt_1") };
    let error = store.jobs().accept(&odd, &job("ingest", "1")).await.unwrap_err();
    assert_eq!(verdict(&error), (Invalid, false), "{error:?}");
    assert!(!format!("{error:?}").contains("tortoise"), "{error:?}");
}

#[tokio::test]
async fn opening_does_not_migrate_and_migrating_twice_is_the_same_as_once() {
    let place = Place::new();
    let store = place.opened(json!({}), Some(vault())).await.unwrap();
    let (schema, memory) = (store.migrate().unwrap(), store.memory().unwrap());
    let pending = schema.pending().await.unwrap();
    assert_eq!((pending[0].version, pending[0].description.as_str()), (1, "init"));
    let error = memory.count_memories().await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, false), "{error:?}");
    assert!(error.context().contains("migrations have to run"), "{error:?}");
    store.health().await.unwrap();
    for _ in 0..2 {
        schema.run().await.unwrap();
        assert_eq!(schema.pending().await.unwrap(), []);
    }
    assert_eq!(memory.count_memories().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_nodes_may_migrate_at_once() {
    let place = Place::new();
    let mut stores = Vec::new();
    for _ in 0..10 {
        stores.push(place.opened(json!({"max_connections": 2}), Some(vault())).await.unwrap());
    }
    let running: Vec<_> = stores.iter().map(|store| store.migrate().unwrap()).collect();
    let done = futures::future::join_all(running.iter().map(|schema| schema.run())).await;
    done.into_iter().for_each(|ran| ran.unwrap());
    assert_eq!(running[0].pending().await.unwrap(), []);
}

#[tokio::test]
async fn a_newer_schema_and_a_changed_migration_are_refused() {
    let place = Place::new();
    let store = place.migrated().await;
    place.tamper("UPDATE _sqlx_migrations SET checksum = '\\x00'").await;
    let error = store.schema().run().await.unwrap_err();
    assert_eq!(verdict(&error), (Conflict, false), "{error:?}");
    place
        .tamper(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', TRUE, '\\x00', 0)",
        )
        .await;
    for error in [store.schema().pending().await.unwrap_err(), store.schema().run().await.unwrap_err()] {
        assert_eq!(verdict(&error), (Conflict, false), "{error:?}");
        assert!(error.context().contains("newer"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_runs_goes_on_while_another_migrates() {
    let place = Place::new();
    let store = place.migrated().await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    for column in ["later", "latest"] {
        store.memory().user(&one).await.unwrap();
        place.tamper(format!("ALTER TABLE users ADD COLUMN {column} TEXT")).await;
        assert!(store.memory().user(&one).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn two_deployments_in_one_database_never_meet() {
    let (here, there) = (Place::new(), Place::new());
    let (one, other) = (here.migrated().await, there.migrated().await);
    let [scope, ..] = scopes();
    one.memory()
        .ensure_user(&scope.tenant, &[phone(&scope.tenant, "+14155550001")], &scope.caller, start())
        .await
        .unwrap();
    one.memory().put_memories(&scope, &[memory("mem_1", "Likes tea")]).await.unwrap();
    assert_eq!(other.memory().user(&scope).await.unwrap(), None);
    assert_eq!(other.memory().count_memories().await.unwrap(), 0);
}

#[tokio::test]
async fn the_audit_log_takes_no_change_not_even_from_its_owner() {
    let place = Place::new();
    place.migrated().await;
    place
        .tamper("INSERT INTO audit VALUES ('aud_1', 'acme', 1, 'configured', 'read', '/v1/users', NULL, NULL, 200)")
        .await;
    for change in ["UPDATE audit SET status = 500", "DELETE FROM audit", "TRUNCATE audit"] {
        let error = place.stranger().await.execute(change).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{change}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_is_vacuumed_out_once_nobody_sees_it_any_more() {
    let place = Place::new();
    let store = place.migrated().await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    store.memory().put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap();
    let mut reader = place.stranger().await;
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM memories").await.unwrap();
    store.memory().erase_user(&one, &erasure(&one)).await.unwrap();
    let impatient = place.opened(json!({"statement_timeout_ms": 200}), Some(vault())).await.unwrap();
    let error = impatient.memory().unwrap().purge().await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, true), "{error:?}");
    assert!(error.context().contains("a transaction that is still open"), "{error}");
    reader.execute("COMMIT").await.unwrap();
    store.memory().purge().await.unwrap();
    let pages: i64 = sqlx::query_scalar("SELECT pg_relation_size('memories')").fetch_one(&mut reader).await.unwrap();
    assert_eq!(pages, 0, "the table's only page was given back");
}

#[tokio::test]
async fn closing_twice_is_fine_and_ends_the_service() {
    let place = Place::new();
    let store = place.migrated().await;
    store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.unwrap();
    store.0.close().await.unwrap();
    store.0.close().await.unwrap();
    for error in
        [store.0.health().await.unwrap_err(), store.jobs().enqueue(&[job("x", "1")], start()).await.unwrap_err()]
    {
        assert_eq!(verdict(&error), (Unavailable, false), "{error:?}");
    }
    let again = place.migrated().await;
    assert_eq!(again.jobs().stats(None, after(1)).await.unwrap().pending, 1);
}
