use super::*;
use std::fmt::Write;
use std::path::PathBuf;

fn cases() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/crd")
}

/// What `read` makes of a text: findings, then objects.
fn report(text: &str) -> String {
    let mut report = String::new();
    let documents = match read(text, "cluster.local") {
        Ok(documents) => documents,
        Err(problem) => return format!("{:?} {problem}\n", problem.severity),
    };
    for document in &documents {
        for problem in &document.problems {
            writeln!(report, "{:?} {problem}", problem.severity).unwrap();
        }
    }
    for content in documents
        .iter()
        .filter_map(|document| document.content.as_ref())
    {
        writeln!(report, "{}\n{content:#?}", content.origin()).unwrap();
    }
    report
}

/// `testdata/crd/<case>/input.yaml` gives `expected.txt`; `BLESS=1` writes the latter.
#[test]
fn every_case_reads_as_expected() {
    let mut differing = Vec::new();
    let mut count = 0;
    for case in std::fs::read_dir(cases()).unwrap() {
        let case = case.unwrap().path();
        let input = std::fs::read_to_string(case.join("input.yaml")).unwrap();
        let expected = case.join("expected.txt");
        let report = report(&input);
        count += 1;
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(expected, report).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != report {
            differing.push(format!("{}:\n{report}", case.display()));
        }
    }
    assert!(count > 10, "only {count} cases found");
    assert!(
        differing.is_empty(),
        "BLESS=1 rewrites these if they are right:\n{}",
        differing.join("\n")
    );
}

#[test]
fn all_versions_of_istios_kinds_are_read() {
    for kind in Kind::ALL
        .into_iter()
        .filter(|kind| kind.group().ends_with("istio.io"))
    {
        for version in kind.versions() {
            let text = format!(
                "apiVersion: {}/{version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{}}\n",
                kind.group()
            );
            let documents = read(&text, "cluster.local").unwrap();
            let wanted = Object {
                kind,
                namespace: "default".into(),
                name: "x".into(),
            };
            assert_eq!(documents[0].object, Some(wanted), "{text}");
        }
    }
}

#[test]
fn json_is_read_like_yaml() {
    let yaml =
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: 80\n";
    let json = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":80}]}}"#;
    let content = |text| read(text, "cluster.local").unwrap().remove(0).content;
    assert_eq!(content(yaml), content(json));
    assert!(content(json).is_some());
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "(apiVersion: |kind: |metadata: |spec:|name: x|http:|- |  |\\n|v1|Service|\\{|\\}|\\[|\\]|[ -~]){0,60}") {
        let _ = read(&text, "cluster.local");
    }

    #[test]
    fn never_panics_inside_a_known_kind(
        spec in "(  (hosts|http|host|subsets|trafficPolicy|selector|ports|mtls|addresses|endpoints|tcp|tls): (\\[[ -~]{0,20}\\]|[ -~]{0,20}|\\{[ -~]{0,20}\\})\\n){0,6}"
    ) {
        for kind in Kind::ALL {
            let group = kind.group();
            let slash = if group.is_empty() { "" } else { "/" };
            let text = format!("apiVersion: {group}{slash}v1\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n{spec}");
            let _ = read(&text, "cluster.local");
        }
    }
}
