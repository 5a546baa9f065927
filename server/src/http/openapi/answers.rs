//! What every route may answer beside what it is for. Said once here, by the shape of a route, so that no route forgets it;
//! `cargo xtask schemathesis` holds a running server to it.

use utoipa::Modify;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};

/// Says of every route what may stand in its way, what heads its answers carry, and that problems are problem documents.
#[derive(Debug)]
pub(super) struct Answers;

const PROBLEM: &str = "application/problem+json";

/// What a route with a key may answer before it begins, and whatever it does.
const ANY: [(&str, &str); 5] = [
    ("401", "No valid key"),
    (
        "403",
        "The key lacks the scope, or is not of the deployment's own tenant; or the person does not agree to be remembered",
    ),
    ("429", "Too many requests, or too many wrong keys; see Retry-After"),
    ("500", "Something broke; the log has the reason under the answer's x-request-id"),
    ("503", "Overloaded, too late, or a part that is needed does not answer; see Retry-After"),
];

/// What a route that reads a body may answer.
const BODY: [(&str, &str); 3] = [
    ("400", "The body is not one JSON object, or ended before it was complete"),
    ("413", "The body is larger than agreed"),
    ("422", "A field is wrong; `field` names it"),
];

/// What a route with something in its path may answer.
const PATH: [(&str, &str); 2] =
    [("400", "What stands in the path is not UTF-8"), ("404", "There is nothing of that id")];

const QUERY: (&str, &str) = ("422", "A parameter is wrong; `field` names it");

const CONFLICT: (&str, &str) = ("409", "It was changed, moved or erased by somebody else meanwhile, or is kept out");

/// Where people and their memories are written.
const WRITTEN: [&str; 6] =
    ["/v1/memories", "/v1/links", "/v1/users", "/v1/reviews", "/v1/conflicts/{id}", "/v1/sessions"];

/// Answers 200 with neutral values to whatever it cannot read: the call would end otherwise.
const READS_ANYTHING: &str = "/webhooks/conversation-initiation";

impl Modify for Answers {
    fn modify(&self, document: &mut OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let written = WRITTEN.iter().any(|prefix| path.starts_with(prefix));
            let changes = [&mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten();
            changes.filter(|_| written).for_each(|operation| may_answer(operation, CONFLICT));
            for operation in [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten() {
                if operation.security.is_none() {
                    stand_in_the_way(path, operation);
                }
                finish(path, operation);
            }
        }
    }
}

/// What may go wrong with a route that wants a key.
fn stand_in_the_way(path: &str, operation: &mut Operation) {
    ANY.into_iter().for_each(|answer| may_answer(operation, answer));
    if operation.request_body.is_some() && path != READS_ANYTHING {
        BODY.into_iter().for_each(|answer| may_answer(operation, answer));
    }
    if has(operation, &ParameterIn::Path) {
        PATH.into_iter().for_each(|answer| may_answer(operation, answer));
    }
    if has(operation, &ParameterIn::Query) {
        may_answer(operation, QUERY);
    }
}

fn has(operation: &Operation, place: &ParameterIn) -> bool {
    operation
        .parameters
        .iter()
        .flatten()
        .any(|p| matches!(p, RefOr::T(Parameter { parameter_in, .. }) if parameter_in == place))
}

/// Adds an answer, unless the route says itself what that status means.
fn may_answer(operation: &mut Operation, (status, why): (&str, &str)) {
    let refused = || RefOr::T(ResponseBuilder::new().description(why).content(PROBLEM, problem()).build());
    operation.responses.responses.entry(status.to_owned()).or_insert_with(refused);
}

/// Problems as problem documents, the heads, and a description where the route gives none.
fn finish(path: &str, operation: &mut Operation) {
    let counted = path.starts_with("/tools/") || path.starts_with("/webhooks/");
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let is_problem = response.content.get("application/json").is_some_and(|content| {
            matches!(content, RefOr::T(content) if matches!(&content.schema,
                Some(RefOr::Ref(to)) if to.ref_location.ends_with("/ProblemBody")))
        });
        if is_problem {
            response.content.clear();
            response.content.insert(PROBLEM.to_owned(), RefOr::T(problem()));
        }
        if response.description.is_empty() {
            let known = ANY.into_iter().chain(BODY).chain(PATH).chain([QUERY, CONFLICT]);
            let known = known.into_iter().find(|(code, _)| code == status).map(|(_, why)| why);
            response.description = known.unwrap_or("Done").to_owned();
        }
        let mut head = |name: &str, kind: Type, what: &str| {
            let schema = ObjectBuilder::new().schema_type(kind).build();
            let head = HeaderBuilder::new().schema(Some(schema)).description(Some(what)).build();
            response.headers.insert(name.to_owned(), RefOr::T(head));
        };
        head("x-request-id", Type::String, "Names the request in the log; the client's own, where it is harmless");
        if matches!(status.as_str(), "429" | "503") {
            head("retry-after", Type::Integer, "Seconds to wait");
        }
        if counted && matches!(status.as_str(), "200" | "429") {
            head("ratelimit-limit", Type::Integer, "Requests that are allowed; where a rate is configured");
            head("ratelimit-remaining", Type::Integer, "Requests that are left");
            head("ratelimit-reset", Type::Integer, "Seconds until all are allowed again");
        }
    }
}

fn problem() -> Content {
    Content::new(Some(Ref::from_schema_name("ProblemBody")))
}
