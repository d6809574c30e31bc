use super::*;
use events::Uuid;
use serde_json::{Value, json};
use std::path::Path;

const TABLES: &[Table<'_>] = &[
    Table { name: "facts", number_keys: true, by_time: true, indexes: &["kind", "deep.flag"] },
    Table { name: "names", number_keys: false, by_time: false, indexes: &[] },
];

fn identity(log: u8, head: u64) -> Identity<'static> {
    Identity { name: "view", version: 1, log_id: Uuid::from_bytes([log; 16]), head }
}

fn put(key: u64, time: i64, body: &Value) -> Write<'static> {
    let document = Some((Some(time), ViewBody::Json(body.to_string())));
    Write { collection: "facts", key: ViewKey::Number(key), document }
}

struct Bench {
    _folder: tempfile::TempDir,
    files: ViewFiles,
    path: ViewPath,
    writer: ViewWriter,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = ViewFiles::open(&folder.path().join("views")).unwrap();
        let path = files.fresh("view", 1);
        let writer = ViewWriter::create(&path, &identity(1, 0), TABLES).unwrap();
        files.set_live("view", &path).unwrap();
        Self { _folder: folder, files, path, writer }
    }

    fn with_facts() -> Self {
        let mut bench = Self::new();
        let fact = |n: u64, kind: &str, flag: bool| {
            put(
                n,
                1000 - n as i64,
                &json!({ "n": n, "kind": kind, "share": n as f64 / 2.0, "none": null, "deep": { "flag": flag } }),
            )
        };
        let writes = [fact(1, "a", true), fact(2, "b", false), fact(3, "a", true), fact(4, "true", false)];
        bench.writer.save(writes, 4).unwrap();
        bench
    }

    fn keys(&self, query: impl std::borrow::Borrow<Query>) -> Vec<u64> {
        let found = ViewReader::open(&self.path).unwrap().find(query.borrow()).unwrap();
        let number = |found: &Found| match found.key {
            ViewKey::Number(number) => number,
            ViewKey::Text(_) => panic!("a number"),
        };
        found.iter().map(number).collect()
    }

    fn reopen(&mut self, identity: &Identity<'_>) -> Result<(), ViewError> {
        self.writer = ViewWriter::open(&self.path, identity)?;
        Ok(())
    }
}

fn facts() -> Query {
    Query::all_of("facts")
}

fn filtered(field: &str, any_of: &[&str]) -> Query {
    let any_of = any_of.iter().map(|&value| value.to_owned()).collect();
    Query { filters: vec![Filter { field: field.into(), any_of }], ..facts() }
}

#[test]
fn what_was_saved_is_read_back_with_its_position() {
    let mut bench = Bench::with_facts();
    assert_eq!(ViewReader::open(&bench.path).unwrap().position().unwrap(), 4);
    bench.reopen(&identity(1, 4)).unwrap();
    assert_eq!(bench.writer.checkpoint().position, 4);
    assert_eq!(bench.writer.all("facts").unwrap().len(), 4);
    assert_eq!(bench.writer.get("facts", &ViewKey::Number(9)).unwrap(), None);
}

#[test]
fn a_document_can_be_replaced_and_removed() {
    let mut bench = Bench::with_facts();
    let gone = Write { collection: "facts", key: ViewKey::Number(1), document: None };
    bench.writer.save([put(2, 5, &json!({ "n": 20 })), gone], 5).unwrap();
    assert_eq!(bench.keys(facts()), [2, 3, 4]);
    let body = bench.writer.get("facts", &ViewKey::Number(2)).unwrap();
    assert_eq!(body, Some(ViewBody::Json(r#"{"n":20}"#.into())));
}

#[test]
fn names_and_bytes_are_kept_as_well() {
    let mut bench = Bench::new();
    let key = ViewKey::Text("ü 1.n".into());
    let document = Some((None, ViewBody::Blob(vec![0, 255])));
    bench.writer.save([Write { collection: "names", key: key.clone(), document }], 1).unwrap();
    let read = ViewReader::open(&bench.path).unwrap();
    assert_eq!(read.get("names", &key).unwrap(), Some(ViewBody::Blob(vec![0, 255])));
}

#[test]
fn filters_match_text_numbers_booleans_and_null_and_nested_fields() {
    let bench = Bench::with_facts();
    assert_eq!(bench.keys(filtered("kind", &["a"])), [1, 3]);
    assert_eq!(bench.keys(filtered("kind", &["a", "b"])), [1, 2, 3]);
    assert_eq!(bench.keys(filtered("deep.flag", &["true"])), [1, 3]);
    assert_eq!(bench.keys(filtered("kind", &["true"])), [4]);
    assert_eq!(bench.keys(filtered("n", &["1.0"])), [1]);
    assert_eq!(bench.keys(filtered("n", &["true"])), Vec::<u64>::new());
    assert_eq!(bench.keys(filtered("share", &["1.5"])), [3]);
    assert_eq!(bench.keys(filtered("none", &["null"])), [1, 2, 3, 4]);
    assert_eq!(bench.keys(filtered("no_such", &["x"])), Vec::<u64>::new());
}

#[test]
fn a_field_that_is_no_name_is_refused_before_it_reaches_sql() {
    let bench = Bench::with_facts();
    for field in ["", "a b", "a')--", "a..b", "1a", "kind'"] {
        let refused = ViewReader::open(&bench.path).unwrap().find(&filtered(field, &["x"]));
        assert!(matches!(refused, Err(ViewError::Query(_))), "{field}");
    }
    assert_eq!(bench.keys(filtered("kind", &["' OR 1 --"])), Vec::<u64>::new());
}

#[test]
fn an_indexed_filter_reads_its_index() {
    let bench = Bench::with_facts();
    let connection = rusqlite::Connection::open(bench.path.as_path()).unwrap();
    for field in ["kind", "deep.flag"] {
        let (sql, values) = filtered(field, &["true"]).sql("key").unwrap();
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps =
            plan.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(steps.iter().any(|step| step.contains("facts_by_field")), "{steps:?}");
    }
}

#[test]
fn windows_orders_limits_and_cursors_cut_the_same_list() {
    let bench = Bench::with_facts();
    let by_time = |order| Query { sort: Sort::Time, order, ..facts() };
    assert_eq!(bench.keys(by_time(Order::Ascending)), [4, 3, 2, 1]);
    assert_eq!(bench.keys(by_time(Order::Descending)), [1, 2, 3, 4]);
    assert_eq!(bench.keys(Query { since: Some(997), until: Some(999), ..facts() }), [2, 3]);
    assert_eq!(bench.keys(Query { from_key: Some(3), ..facts() }), [3, 4]);
    for sort in [Sort::Key, Sort::Time] {
        for order in [Order::Ascending, Order::Descending] {
            let all = Query { sort, order, ..facts() };
            let reader = ViewReader::open(&bench.path).unwrap();
            let page = reader.find(&Query { limit: 3, ..all.clone() }).unwrap();
            let cursor = Cursor::parse(&page[2].cursor().to_string()).unwrap();
            let rest = reader.find(&Query { after: Some(cursor), ..all.clone() }).unwrap();
            assert_eq!([page, rest].concat(), reader.find(&all).unwrap());
        }
    }
    assert!(Cursor::parse("yesterday").is_err());
}

#[test]
fn counting_ignores_the_limit() {
    let bench = Bench::with_facts();
    let reader = ViewReader::open(&bench.path).unwrap();
    assert_eq!(reader.count(&Query { limit: 1, ..filtered("kind", &["a"]) }).unwrap(), 2);
}

#[test]
fn a_view_of_another_log_version_or_a_longer_log_is_to_be_rebuilt() {
    let mut bench = Bench::with_facts();
    let unusable =
        |bench: &mut Bench, identity: Identity<'_>| bench.reopen(&identity).unwrap_err().is_unusable();
    assert!(unusable(&mut bench, identity(2, 9)));
    assert!(unusable(&mut bench, identity(1, 3)));
    assert!(unusable(&mut bench, Identity { version: 2, ..identity(1, 9) }));
    assert!(unusable(&mut bench, Identity { name: "other", ..identity(1, 9) }));
    bench.reopen(&identity(1, 4)).unwrap();
}

#[test]
fn a_damaged_file_is_to_be_rebuilt() {
    let bench = Bench::with_facts();
    let Bench { writer, path, .. } = &bench;
    let _ = writer;
    for content in [&b"no database at all, but long enough to be looked at"[..], b""] {
        let broken = path.as_path().with_file_name("broken-v1.sqlite");
        std::fs::write(&broken, content).unwrap();
        bench.files.set_live("broken", &bench.files.fresh("broken", 0)).unwrap();
        std::fs::write(path.as_path().with_file_name("broken.live"), "broken-v1.sqlite").unwrap();
        let live = bench.files.live("broken", 1).unwrap();
        let opened = ViewWriter::open(&live, &identity(1, 9));
        assert!(opened.err().is_some_and(|error| error.is_unusable()));
    }
}

#[test]
fn a_writer_that_was_overtaken_saves_nothing() {
    let mut bench = Bench::with_facts();
    let mut second = ViewWriter::open(&bench.path, &identity(1, 9)).unwrap();
    second.save([put(5, 0, &json!({}))], 5).unwrap();
    let overtaken = bench.writer.save([put(6, 0, &json!({}))], 6);
    assert!(matches!(overtaken, Err(ViewError::Io { .. })));
    assert_eq!(bench.keys(facts()), [1, 2, 3, 4, 5]);
}

#[test]
fn a_pinned_reader_sees_one_moment_and_holds_nobody_up() {
    let mut bench = Bench::with_facts();
    let reader = ViewReader::open(&bench.path).unwrap();
    assert_eq!(reader.pin().unwrap(), 4);
    bench.writer.save([put(5, 0, &json!({}))], 5).unwrap();
    assert_eq!((reader.position().unwrap(), reader.count(&facts()).unwrap()), (4, 4));
    assert_eq!(bench.keys(facts()).len(), 5);
}

#[test]
fn the_pointer_names_the_live_file_and_what_is_not_live_is_swept() {
    let bench = Bench::with_facts();
    let beside = bench.files.fresh("view", 1);
    assert!(beside.as_path().ends_with("view-v1-1.sqlite"));
    drop(ViewWriter::create(&beside, &identity(1, 0), TABLES).unwrap());
    assert_eq!(bench.files.live("view", 1), Some(bench.path.clone()));
    assert_eq!(bench.files.live("view", 2), None);
    bench.files.set_live("view", &beside).unwrap();
    bench.files.sweep("view", 1);
    assert_eq!(bench.files.live("view", 1), Some(beside.clone()));
    assert!(!bench.path.as_path().exists() && beside.as_path().exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = ViewFiles::open(Path::new(&file)).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
