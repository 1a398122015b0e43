//! The command line as a new user meets it.

use crate::mesh::tulle;

#[test]
fn every_program_has_help_and_a_version() {
    for part in [
        &[][..],
        &["proxy"],
        &["control-plane"],
        &["injector", "inject"],
        &["demo"],
        &["explain"],
        &["exec"],
        &["inject"],
        &["token", "create"],
    ] {
        let output = tulle().args(part).arg("--help").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let usage = ["Usage: tulle", &part.join(" ")].join(" ");
        assert!(output.status.success(), "{part:?}");
        assert!(text.contains("Examples:"), "{part:?}: {text}");
        assert!(text.contains(usage.trim()), "{part:?}: {text}");
    }
    for part in [&[][..], &["proxy"], &["control-plane"], &["injector"]] {
        assert!(
            tulle()
                .args(part)
                .arg("--version")
                .output()
                .unwrap()
                .status
                .success(),
            "{part:?}"
        );
    }
}

#[test]
fn wrong_usage_ends_with_2_and_failures_with_1() {
    let code = |args: &[&str]| tulle().args(args).output().unwrap().status.code();
    assert_eq!(code(&["dmeo"]), Some(2));
    assert_eq!(code(&["proxy", "--concurency", "1"]), Some(2));
    assert_eq!(code(&["control-plane", "--regstry", "x"]), Some(2));
    assert_eq!(code(&["proxy", "-c", "/does/not/exist.yaml"]), Some(1));
    assert_eq!(code(&["demo", "--config", "/does/not/exist"]), Some(1));
    assert_eq!(code(&["explain", "--from", "a", "--to", "server"]), Some(2));
    assert_eq!(
        code(&[
            "explain",
            "--demo",
            "nobody",
            "--from",
            "a",
            "--to",
            "http://b/"
        ]),
        Some(1)
    );
}

#[test]
fn a_token_is_made_and_names_its_workload() {
    let dir = tempfile::tempdir().unwrap();
    let output = tulle()
        .args([
            "token",
            "create",
            "--namespace",
            "shop",
            "--service-account",
            "cart",
            "--data-dir",
        ])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .split('.')
            .count(),
        3
    );
}
