//! gRPC between sidecars: whichever of the two is Envoy, messages, status and trailers arrive as they were sent.

use super::prepare;
use super::world::{Pods, World, service};
use crate::mesh::grpc::{Called, call};

const MESSAGE: &[u8] = b"\0 any bytes \xff";

#[test]
fn grpc_passes_between_envoy_and_ours_with_its_trailers() {
    let test = "grpc_passes_between_envoy_and_ours_with_its_trailers";
    let Some((program, node)) = prepare(test, "traffic") else {
        return;
    };
    let pods = Pods::new(&node);
    let world = World::start(&program, &node, &pods);
    for client in pods.clients() {
        for (server, subset) in pods.servers().into_iter().zip(["envoy", "tulle"]) {
            for (method, messages, status, text) in [
                ("Unary", 1, "0", ""),
                ("Stream", 3, "0", ""),
                ("Broken", 1, "13", "broken"),
                ("Refused", 0, "7", "refused"),
            ] {
                let path = format!("/{subset}.Echo/{method}");
                let called = call(&client.namespace, service(83), &path, MESSAGE);
                let said = Some((status.to_owned(), text.to_owned()));
                let (in_head, in_trailers) = if messages == 0 {
                    (said, None)
                } else {
                    (None, said)
                };
                let expected = Called {
                    server: server.name.clone(),
                    messages: vec![MESSAGE.into(); messages],
                    in_head,
                    in_trailers,
                };
                assert_eq!(called.unwrap(), expected, "{path} from {}", client.name);
            }
        }
    }
    for envoy in &world.envoys {
        envoy.assert_nothing_was_refused();
    }
}
