//! Checked-in generated files equal what the sources give. `BLESS=1` rewrites them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prost::Message;
use protox::prost_reflect::prost_types::FileDescriptorSet;

mod descriptors;
mod maps;

const PROTOS: [&str; 4] = [
    "istio/networking/nds/v1/nds.proto",
    "istio/v1/auth/ca.proto",
    "udpa/type/v1/typed_struct.proto",
    "xds/type/v3/typed_struct.proto",
];

#[test]
fn generated_files_are_up_to_date() {
    let own =
        protox::compile(PROTOS, [crate_dir().join("proto")]).expect("our own .proto files compile");
    let all = descriptors::merged(&own);
    let mut files = rust_files(own);
    files.insert("descriptors.bin".into(), all.encode_to_vec());
    files.insert("maps.rs".into(), rustfmt(&maps::source(&all)));
    let folder = crate_dir().join("src/generated");
    for (name, content) in files {
        let path = folder.join(&name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, content).expect("the source folder is writable");
            continue;
        }
        let present = std::fs::read(&path).unwrap_or_default();
        assert!(
            same(&present, &content),
            "{name} is out of date; run `BLESS=1 cargo test -p xds-proto`"
        );
    }
}

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust side of our own messages, one file per package.
fn rust_files(own: FileDescriptorSet) -> BTreeMap<String, Vec<u8>> {
    let out = tempfile_dir();
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    config.type_name_domain(["."], "type.googleapis.com");
    tonic_prost_build::configure()
        .out_dir(&out)
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "crate::pb::google::protobuf")
        .build_transport(false)
        .compile_fds_with_config(own, config)
        .expect("code generation succeeds");
    let files = std::fs::read_dir(&out)
        .expect("just made")
        .map(|entry| entry.expect("readable"));
    let files = files
        .filter(|file| file.file_name() != "google.protobuf.rs")
        .map(|file| {
            let text = std::fs::read_to_string(file.path()).expect("generated code is text");
            (
                file.file_name().to_string_lossy().replace("r#", ""),
                rustfmt(&text),
            )
        });
    files.collect()
}

fn tempfile_dir() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("our own folder");
    }
    std::fs::create_dir_all(&path).expect("the target folder is writable");
    path
}

fn rustfmt(text: &str) -> Vec<u8> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt is installed (rustup component add rustfmt)");
    let mut stdin = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, text.as_bytes()).expect("rustfmt reads");
    drop(stdin);
    let output = child.wait_with_output().expect("rustfmt ends");
    assert!(
        output.status.success(),
        "rustfmt refuses the generated code"
    );
    output.stdout
}

/// Equal apart from white space, in which versions of rustfmt differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    let dense = |text: &[u8]| {
        text.iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect::<Vec<_>>()
    };
    dense(a) == dense(b)
}
