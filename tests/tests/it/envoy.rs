//! The real Envoy under our control plane: it must take everything and understand it as we do.

use std::path::PathBuf;

use tulle_tests::skip;

use crate::mesh::envoy;
use crate::mesh::node::Node;

mod accepts;
mod grpc;
mod traffic;
mod world;

/// Envoy's program and a node with a mesh of `testdata`; `None` where this machine lacks something.
fn prepare(test: &str, mesh: &str) -> Option<(PathBuf, Node)> {
    let Some(program) = envoy::program() else {
        skip(
            test,
            "no Envoy; .ci/install fetches it, $TULLE_ENVOY names another",
        );
        return None;
    };
    Some((program, Node::for_test(test, mesh)?))
}
