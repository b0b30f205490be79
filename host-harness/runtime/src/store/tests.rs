//! What the store promises, over two stores on one directory where that matters.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::tenant::DatabaseName;

const LIMITS: BucketLimits = BucketLimits { value: 100, values: 3, bytes: 250 };
const LEASE: Duration = Duration::from_secs(60);

fn open(dir: &Path) -> Store {
    Store::open(dir, LIMITS).unwrap()
}

fn tenant() -> TenantId {
    TenantId::default()
}

fn name(name: &str) -> DatabaseName {
    DatabaseName::new(name).unwrap()
}

fn row(bucket: &Bucket) -> Registered {
    Registered {
        name: "Drive".to_owned(),
        engine: "e".to_owned(),
        profile: Some("global".to_owned()),
        bucket: bucket.id(),
        created_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_234),
        administrator: true,
    }
}

async fn begin(store: &Store) -> Bucket {
    store.begin(&tenant(), "e", LEASE).await.unwrap()
}

async fn commit(store: &Store, bucket: &Bucket, replace: bool) -> Result<Commit, StoreError> {
    store.commit(&tenant(), &name("Drive"), row(bucket), replace).await
}

async fn value(bucket: &Bucket, key: &str) -> Option<Vec<u8>> {
    bucket.read(key.to_owned()).await.unwrap().value
}

async fn set(bucket: &Bucket, key: &str, value: &[u8]) -> Result<(), StoreError> {
    bucket.set(key.to_owned(), value.to_vec()).await
}

#[tokio::test]
async fn values_are_read_back_by_another_store_on_the_same_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (open(dir.path()), open(dir.path()));
    let bucket = begin(&first).await;
    set(&bucket, "k", b"v").await.unwrap();
    commit(&first, &bucket, false).await.unwrap();

    let (seen, profile) = second.connection_bucket(&tenant(), bucket.id()).await.unwrap();
    assert_eq!(value(&seen, "k").await, Some(b"v".to_vec()));
    assert_eq!(value(&seen, "other").await, None);
    assert_eq!(profile.as_deref(), Some("global"));
    assert_eq!(second.database(&tenant(), &name("DRIVE")).await.unwrap(), Some(row(&bucket)));
}

#[tokio::test]
async fn of_two_swaps_from_the_same_version_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (open(dir.path()), open(dir.path()));
    let bucket = begin(&first).await;
    commit(&first, &bucket, false).await.unwrap();
    let (other, _) = second.connection_bucket(&tenant(), bucket.id()).await.unwrap();

    let seen = bucket.read("k".to_owned()).await.unwrap().version;
    assert_eq!(seen, 0, "no value yet");
    let swap = |bucket: Bucket, value: &'static [u8]| async move {
        bucket.swap("k".to_owned(), seen, value.to_vec()).await.unwrap()
    };
    assert_eq!(swap(bucket.clone(), b"a").await, Swapped::Done);
    assert_eq!(swap(other.clone(), b"b").await, Swapped::Stale);
    assert_eq!(value(&other, "k").await, Some(b"a".to_vec()));
}

#[tokio::test]
async fn a_version_never_comes_twice_even_after_a_delete() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = begin(&open(dir.path())).await;
    set(&bucket, "k", b"a").await.unwrap();
    let seen = bucket.read("k".to_owned()).await.unwrap().version;
    bucket.delete("k".to_owned()).await.unwrap();
    set(&bucket, "k", b"b").await.unwrap();
    let swapped = bucket.swap("k".to_owned(), seen, b"c".to_vec()).await.unwrap();
    assert_eq!(swapped, Swapped::Stale);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_swaps_of_two_stores_lose_no_update() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (open(dir.path()), open(dir.path()));
    let bucket = begin(&first).await;
    commit(&first, &bucket, false).await.unwrap();
    let (other, _) = second.connection_bucket(&tenant(), bucket.id()).await.unwrap();
    let count = |bucket: Bucket| async move {
        let mut done = 0;
        while done < 20 {
            let seen = bucket.read("n".to_owned()).await.unwrap();
            let n = seen.value.map_or(0, |value| value[0]) + 1;
            if bucket.swap("n".to_owned(), seen.version, vec![n]).await.unwrap() == Swapped::Done {
                done += 1;
            }
        }
    };
    let others = tokio::spawn(count(other));
    count(bucket.clone()).await;
    others.await.unwrap();
    assert_eq!(value(&bucket, "n").await, Some(vec![40]));
}

#[tokio::test]
async fn sizes_and_numbers_are_limited_and_room_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = begin(&open(dir.path())).await;
    let full = |outcome: Result<(), StoreError>| {
        let error = outcome.unwrap_err();
        assert!(error.to_string().starts_with("store-full"), "{error}");
    };
    full(set(&bucket, "k", &[0; 101]).await);
    full(set(&bucket, &"k".repeat(1_025), b"").await);
    for key in ["a", "b", "c"] {
        set(&bucket, key, b"x").await.unwrap();
    }
    full(set(&bucket, "d", b"x").await);
    set(&bucket, "c", b"y").await.unwrap();
    bucket.delete("a".to_owned()).await.unwrap();
    bucket.delete("a".to_owned()).await.unwrap();
    set(&bucket, "d", &[0; 100]).await.unwrap();
    // Every seal adds 28 bytes, so 29 + 128 + 128 are too many.
    full(set(&bucket, "b", &[0; 100]).await);
    assert_eq!(value(&bucket, "b").await, Some(b"x".to_vec()), "the old value stands");
}

#[tokio::test]
async fn a_taken_name_stays_unless_it_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = begin(&store).await;
    commit(&store, &old, false).await.unwrap();
    let new = begin(&store).await;
    assert!(matches!(commit(&store, &new, false).await.unwrap(), Commit::NameTaken(_)));
    assert!(store.connection_bucket(&tenant(), old.id()).await.is_ok());

    assert_eq!(commit(&store, &new, true).await.unwrap(), Commit::Done);
    let gone = store.connection_bucket(&tenant(), old.id()).await;
    assert!(matches!(gone, Err(StoreError::Gone)));
    assert!(matches!(set(&old, "k", b"v").await, Err(StoreError::Gone)));
    assert_eq!(store.databases(&tenant()).await.unwrap(), [row(&new)]);
}

#[tokio::test]
async fn dropping_and_discarding_leave_no_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let named = begin(&store).await;
    set(&named, "k", b"v").await.unwrap();
    commit(&store, &named, false).await.unwrap();
    let nameless = begin(&store).await;
    set(&nameless, "k", b"v").await.unwrap();

    store.discard(named.id()).await.unwrap();
    assert!(store.connection_bucket(&tenant(), named.id()).await.is_ok(), "it has a name");
    store.discard(nameless.id()).await.unwrap();
    assert!(store.drop_database(&tenant(), &name("drive")).await.unwrap());
    assert!(!store.drop_database(&tenant(), &name("drive")).await.unwrap());
    let rows = |table: &str| {
        let count = format!("SELECT count(*) FROM {table}");
        store.sqlite.read(|c| Ok(c.query_row(&count, (), |row| row.get::<_, i64>(0))?)).unwrap()
    };
    assert_eq!((rows("bucket"), rows("entry"), rows("database")), (0, 0, 0));
}

#[tokio::test]
async fn what_a_killed_process_left_is_removed_once_its_lease_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let abandoned = store.begin(&tenant(), "e", Duration::ZERO).await.unwrap();
    let under_way = begin(&store).await;
    let named = begin(&store).await;
    commit(&store, &named, false).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;

    let again = open(dir.path());
    assert!(matches!(commit(&again, &abandoned, true).await, Err(StoreError::Gone)));
    assert!(set(&under_way, "k", b"v").await.is_ok());
    assert!(again.connection_bucket(&tenant(), named.id()).await.is_ok());
}

#[tokio::test]
async fn connections_of_a_tenant_to_one_engine_share_a_pause_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (open(dir.path()), open(dir.path()));
    let pause = |store: Store, tenant: &'static str, engine: &'static str| async move {
        let tenant = TenantId::new(tenant).unwrap();
        store.shared_bucket(&tenant, engine, Label::Pause).await.unwrap()
    };
    let ours = pause(first.clone(), "a", "e").await;
    set(&ours, "until", b"5").await.unwrap();
    assert_eq!(value(&pause(second.clone(), "a", "e").await, "until").await, Some(b"5".to_vec()));
    assert_eq!(value(&pause(second.clone(), "b", "e").await, "until").await, None);
    assert_eq!(value(&pause(second, "a", "f").await, "until").await, None);
}

#[tokio::test]
async fn a_tenant_cannot_open_anothers_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bucket = begin(&store).await;
    commit(&store, &bucket, false).await.unwrap();
    let other = TenantId::new("other").unwrap();
    assert!(matches!(store.connection_bucket(&other, bucket.id()).await, Err(StoreError::Gone)));
}

#[tokio::test]
async fn a_value_moved_to_another_key_or_back_in_time_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bucket = begin(&store).await;
    set(&bucket, "a", b"1").await.unwrap();
    set(&bucket, "b", b"2").await.unwrap();
    let tamper = |sql: &'static str| {
        store.sqlite.transaction(|transaction| Ok(transaction.execute(sql, ())?)).unwrap();
    };
    tamper(
        "UPDATE entry SET (version, sealed) = (SELECT version, sealed FROM entry WHERE key = 'a')
         WHERE key = 'b'",
    );
    assert!(matches!(bucket.read("b".to_owned()).await, Err(StoreError::Damaged)));
    tamper("UPDATE entry SET version = version + 1 WHERE key = 'a'");
    assert!(matches!(bucket.read("a".to_owned()).await, Err(StoreError::Damaged)));
}

#[tokio::test]
async fn no_value_lies_in_the_files_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bucket = begin(&store).await;
    let secret = b"correct horse battery staple";
    set(&bucket, "k", secret).await.unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let _store = open(&state);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_master_key_that_does_not_fit_is_noticed() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop((open(one.path()), open(two.path())));
    fs::copy(two.path().join("master.key"), one.path().join("master.key")).unwrap();
    let error = Store::open(one.path(), LIMITS).err().unwrap();
    assert!(matches!(error, StoreError::MasterKeyMismatch { .. }), "{error}");

    fs::remove_file(one.path().join("master.key")).unwrap();
    let error = Store::open(one.path(), LIMITS).err().unwrap();
    assert!(matches!(error, StoreError::MasterKeyMissing { .. }), "{error}");
    assert!(!one.path().join("master.key").exists(), "no new key is drawn");
}

#[test]
fn stores_opened_at_once_on_an_empty_directory_agree_on_a_key() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| open(dir.path()))).collect();
            for opened in opening {
                opened.join().unwrap();
            }
        });
    }
}

#[test]
fn a_state_directory_of_the_first_version_is_brought_up_to_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = "ALTER TABLE database DROP COLUMN administrator; PRAGMA user_version = 1;";
    store.sqlite.read(|c| Ok(c.execute_batch(old)?)).unwrap();
    drop(store);
    let store = open(dir.path());
    let version = |c: &rusqlite::Connection| {
        Ok(c.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?)
    };
    assert_eq!(store.sqlite.read(version).unwrap(), 2);
    store.sqlite.read(|c| Ok(c.execute_batch("SELECT administrator FROM database")?)).unwrap();
}

#[test]
fn another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.sqlite.read(|c| Ok(c.pragma_update(None, "user_version", 99)?)).unwrap();
    let error = Store::open(dir.path(), LIMITS).err().unwrap();
    assert!(matches!(error, StoreError::Format { found: 99, .. }), "{error}");
}
