//! The tables there are.

use super::{Column, ColumnKind, Table};
use crate::backend::Role;

const fn column(name: &'static str, kind: ColumnKind) -> Column {
    Column { name, kind, nullable: false }
}

const fn int(name: &'static str) -> Column {
    column(name, ColumnKind::Int)
}

const fn real(name: &'static str) -> Column {
    column(name, ColumnKind::Real)
}

const fn yes(name: &'static str) -> Column {
    column(name, ColumnKind::Bool)
}

const fn text(name: &'static str) -> Column {
    column(name, ColumnKind::Text)
}

const fn bytes(name: &'static str) -> Column {
    column(name, ColumnKind::Bytes)
}

/// Of small rows.
const MANY: usize = 500;
/// Of rows that may be of megabytes each: raw events, transcripts.
const FEW: usize = 16;

const fn table(name: &'static str, role: Role, keyed_by: usize, columns: &'static [Column]) -> Table {
    Table { name, role, columns, keyed_by, is_numbered: false, is_append_only: false, batch: MANY }
}

/// Everything that is kept, each table behind those it belongs to. Not in it: leases, and whose turn it is in the queue, which
/// are about processes that run; vectors and words, which are derived.
pub static TABLES: [Table; 20] = [
    table(
        "users",
        Role::Memory,
        2,
        &[
            text("tenant"),
            text("id"),
            bytes("sealed_name").or_null(),
            bytes("sealed_summary").or_null(),
            int("call_count"),
            int("first_contact"),
            int("last_contact"),
            yes("shared"),
            text("consent"),
            int("revision"),
        ],
    ),
    Table {
        is_numbered: true,
        ..table(
            "identities",
            Role::Memory,
            1,
            &[int("seq"), text("tenant"), text("kind"), bytes("hash"), text("caller"), bytes("sealed")],
        )
    },
    table("aliases", Role::Memory, 2, &[text("tenant"), text("id"), text("caller")]),
    Table {
        batch: FEW,
        ..table(
            "conversations",
            Role::Memory,
            2,
            &[
                text("tenant"),
                text("id"),
                text("caller").or_null(),
                text("agent").or_null(),
                text("state"),
                yes("counted"),
                int("started_at"),
                int("duration_secs").or_null(),
                int("updated_at"),
                bytes("transcript").or_null(),
                bytes("extraction").or_null(),
            ],
        )
    },
    Table {
        is_numbered: true,
        ..table(
            "memories",
            Role::Memory,
            1,
            &[
                int("seq"),
                text("id"),
                text("tenant"),
                text("caller"),
                text("content"),
                text("sector"),
                text("kind"),
                text("slot").or_null(),
                real("salience"),
                int("occurred_at"),
                int("learnt_at"),
                int("reinforced_at"),
                real("decay_rate").or_null(),
                text("state"),
                int("valid_to").or_null(),
                text("superseded_by").or_null(),
                int("corrected_at").or_null(),
                text("speaker").or_null(),
                text("origin"),
                text("conversation").or_null(),
                text("turns"),
                text("metadata"),
                text("index_state"),
            ],
        )
    },
    table(
        "links",
        Role::Memory,
        1,
        &[
            text("id"),
            text("tenant"),
            text("caller"),
            text("a"),
            text("b"),
            real("weight"),
            text("kind"),
            int("created_at"),
            int("used_at").or_null(),
        ],
    ),
    table(
        "conflicts",
        Role::Memory,
        1,
        &[
            text("id"),
            text("tenant"),
            text("caller"),
            text("old_memory"),
            text("new_memory"),
            text("verdict"),
            text("reason"),
            real("confidence"),
            text("judged_by"),
            text("state"),
            text("resolution").or_null(),
            text("changes"),
            int("created_at"),
            int("resolved_at").or_null(),
        ],
    ),
    Table {
        batch: FEW,
        ..table(
            "transfers",
            Role::Memory,
            1,
            &[
                text("id"),
                text("tenant"),
                text("kind"),
                text("from_caller"),
                text("into_caller"),
                text("state"),
                text("decided_by"),
                bytes("sealed_moved").or_null(),
                int("created_at"),
                int("undone_at").or_null(),
                yes("settled"),
            ],
        )
    },
    table(
        "receipts",
        Role::Memory,
        2,
        &[
            text("tenant"),
            text("id"),
            text("kind"),
            text("caller").or_null(),
            text("conversation").or_null(),
            text("agent").or_null(),
            int("at"),
            int("took_ms"),
            text("mode").or_null(),
            text("degraded").or_null(),
            text("items"),
            bytes("words").or_null(),
        ],
    ),
    table("recalls", Role::Memory, 1, &[text("memory"), int("count"), int("last")]),
    table(
        "reviews",
        Role::Memory,
        3,
        &[
            text("tenant"),
            text("caller"),
            text("memory"),
            text("conversation").or_null(),
            text("decision"),
            int("at"),
            yes("label"),
            bytes("words").or_null(),
        ],
    ),
    Table {
        is_numbered: true,
        ..table(
            "erasures",
            Role::Memory,
            1,
            &[
                int("seq"),
                text("id"),
                text("tenant"),
                bytes("person"),
                int("erased_at"),
                yes("forever"),
                int("memories"),
                int("links"),
                int("conflicts"),
                int("conversations"),
                int("receipts"),
                int("reviews"),
                int("identities"),
                int("events"),
                int("jobs"),
                int("settled_at").or_null(),
                int("compacted_at").or_null(),
                int("clean_at").or_null(),
                bytes("work").or_null(),
            ],
        )
    },
    table("suppressions", Role::Memory, 4, &[text("tenant"), text("kind"), bytes("hash"), text("erasure")]),
    Table {
        is_append_only: true,
        ..table(
            "audit",
            Role::Memory,
            1,
            &[
                text("id"),
                text("tenant"),
                int("at"),
                text("actor"),
                text("action"),
                text("route"),
                bytes("person").or_null(),
                text("object").or_null(),
                int("status"),
            ],
        )
    },
    table(
        "costs",
        Role::Memory,
        6,
        &[
            text("tenant"),
            text("day"),
            text("conversation"),
            text("agent"),
            text("spend"),
            text("model"),
            int("calls"),
            int("unpriced"),
            int("input_tokens"),
            int("output_tokens"),
            int("money"),
        ],
    ),
    table("space", Role::Memory, 1, &[int("only_one"), text("model"), int("dimensions")]),
    table(
        "keys",
        Role::Memory,
        1,
        &[
            text("id"),
            text("tenant"),
            text("kind"),
            text("label"),
            text("scopes"),
            bytes("hash"),
            bytes("sealed").or_null(),
            int("created_at"),
            int("expires_at").or_null(),
            int("revoked_at").or_null(),
            int("last_used_at").or_null(),
        ],
    ),
    Table {
        batch: FEW,
        ..table("events", Role::Jobs, 2, &[text("tenant"), text("id"), text("kind"), int("received_at"), bytes("body")])
    },
    table(
        "jobs",
        Role::Jobs,
        1,
        &[
            text("id"),
            text("tenant"),
            text("name"),
            text("key"),
            text("payload"),
            text("state"),
            int("attempts"),
            int("run_at"),
            int("created_at"),
            text("lease_token").or_null(),
            int("lease_until").or_null(),
            text("last_error").or_null(),
            column("failures", ColumnKind::Json),
            text("discard").or_null(),
        ],
    ),
    table(
        "embeddings",
        Role::Cache,
        4,
        &[
            text("tenant"),
            text("model"),
            int("dimensions"),
            bytes("key"),
            text("owner"),
            int("used_at"),
            bytes("vector"),
        ],
    ),
];
