//! Names of the routes, and where to go from an answer.

use utoipa::Modify;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::{OpenApi, RefOr};

/// Gives every route a name of its own: the handlers' names repeat (`list`, `read`), which no generator of clients takes.
#[derive(Debug)]
pub(super) struct Names;

impl Modify for Names {
    fn modify(&self, document: &mut OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let methods = [
                ("get", &mut item.get),
                ("post", &mut item.post),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in methods {
                operation.iter_mut().for_each(|operation| operation.operation_id = Some(name(method, path)));
            }
        }
    }
}

/// `get /v1/memories/{id}/links` is `get_memories_id_links`.
fn name(method: &str, path: &str) -> String {
    let parts = path.split(['/', '-', '.']).map(|part| part.trim_matches(['{', '}']));
    parts.filter(|part| !part.is_empty() && *part != "v1").fold(method.to_owned(), |name, part| name + "_" + part)
}

/// A route that takes an id: its method, its path, and what it calls the id.
type Next = (&'static str, &'static str, &'static str);

const MEMORY: &[Next] = &[
    ("get", "/v1/memories/{id}", "id"),
    ("patch", "/v1/memories/{id}", "id"),
    ("post", "/v1/memories/{id}/reinforce", "id"),
    ("post", "/v1/memories/{id}/restore", "id"),
    ("get", "/v1/memories/{id}/links", "id"),
    ("get", "/v1/memories/{id}/history", "id"),
    ("post", "/v1/reviews/{memory_id}", "memory_id"),
    ("delete", "/v1/memories/{id}", "id"),
];

/// What is posted where answers with an `id`, under which status, and the routes that take it.
const WAYS: &[(&str, &str, &[Next])] = &[
    ("/v1/memories", "201", MEMORY),
    ("/v1/links", "201", &[("delete", "/v1/links/{id}", "id")]),
    ("/v1/keys", "201", &[("delete", "/v1/keys/{id}", "id")]),
    ("/v1/webhook-secrets", "201", &[("delete", "/v1/webhook-secrets/{id}", "id")]),
    ("/v1/users/merge", "200", &[("post", "/v1/users/merges/{id}/undo", "id")]),
    ("/v1/users/split", "200", &[("post", "/v1/users/merges/{id}/undo", "id")]),
];

/// Leads from an answer that holds an id to the routes that take it.
#[derive(Debug)]
pub(super) struct Ways;

impl Modify for Ways {
    fn modify(&self, document: &mut OpenApi) {
        for (path, status, ways) in WAYS {
            let Some(item) = document.paths.paths.get_mut(*path) else { continue };
            let response = item.post.as_mut().and_then(|operation| operation.responses.responses.get_mut(*status));
            let Some(RefOr::T(response)) = response else { continue };
            for (method, path, parameter) in *ways {
                let to = name(method, path);
                let link = LinkBuilder::new().operation_id(&to).parameter(*parameter, "$response.body#/id");
                response.links.insert(to, RefOr::T(link.build()));
            }
        }
    }
}
