//! Why a database says no, by what it means for the caller and for the connection.
//! In: an error of sqlx. Out: a [`Cause`].
//! Owns: only a statement that is wrong is a defect of ours; every other refusal is the database's and passes.

/// Why a database says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The statement, or a value in it, is wrong: it would be refused tomorrow too.
    Statement,
    /// Another transaction was in the way; the connection is as good as before.
    Others,
    /// No room on the disk, no memory, no place for a connection.
    Shortage,
    /// What the session may do, or the server behind it, is not what it was when the connection was made: read-only
    /// after a fail-over, shutting down, a role without its rights, a file that cannot be read.
    Session,
}

impl Cause {
    /// The cause of `error`.
    pub(super) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refusal) => {
                let code = refusal.code();
                match code.as_deref() {
                    // PostgreSQL's codes have five characters, SQLite's numbers at most four.
                    Some(code) if code.len() == 5 => Self::of_postgres(code),
                    Some(_) if refusal.message().starts_with("no such table") => Self::Session,
                    // Extended codes carry the primary code in the low byte.
                    Some(code) => {
                        code.parse().map_or(Self::Statement, |code: u32| Self::of_sqlite(code & 0xff))
                    }
                    None => Self::Statement,
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed => Self::Session,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Configuration(_) => {
                Self::Others
            }
            _ => Self::Statement,
        }
    }

    /// A SQLSTATE (PostgreSQL, appendix A). What is not listed is the server's doing, not the statement's.
    fn of_postgres(code: &str) -> Self {
        match (&code[..2], code) {
            // 42501: not permitted any more; 42P01 and 3F000: a table or schema that is taken away or hidden, as for a
            // restore; 42P05: a name that another session has taken, behind a pooler.
            (_, "42501" | "42P01" | "42P05" | "3F000" | "40003") => Self::Session,
            // 25P02: a statement after one that failed.
            ("20" | "21" | "22" | "23" | "24" | "2B" | "34" | "42" | "44" | "54", _) | (_, "25P02") => {
                Self::Statement
            }
            // Undone, refused by a trigger, no lock in time, in use, cancelled.
            ("40" | "P0", _) | (_, "55P03" | "55006" | "57014") => Self::Others,
            ("53", _) => Self::Shortage,
            _ => Self::Session,
        }
    }

    /// A primary result code of SQLite.
    fn of_sqlite(code: u32) -> Self {
        match code {
            // ABORT, BUSY, LOCKED, INTERRUPT, PROTOCOL (a race for the log), SCHEMA.
            4 | 5 | 6 | 9 | 15 | 17 => Self::Others,
            // NOMEM, FULL.
            7 | 13 => Self::Shortage,
            // PERM, READONLY, IOERR, CORRUPT, CANTOPEN, NOLFS, AUTH, NOTADB.
            3 | 8 | 10 | 11 | 14 | 22 | 23 | 26 => Self::Session,
            _ => Self::Statement,
        }
    }
}

/// Whether a statement that was prepared is unknown to the session, or known there before it was: a pooler gives each
/// transaction another session.
pub(super) fn tells_of_a_pooler(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(refusal) = error else { return false };
    matches!(refusal.code().as_deref(), Some("26000" | "42P05"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_or_a_file_refuses_is_no_defect_and_what_is_wrong_with_a_statement_is() {
        for (cause, codes) in [
            (Cause::Statement, &["22021", "23502", "23514", "42601", "42703", "42804", "25P02", "54000"][..]),
            (Cause::Others, &["40001", "40P01", "55P03", "57014", "P0001"]),
            (Cause::Shortage, &["53100", "53200", "53300", "53400"]),
            (
                Cause::Session,
                &[
                    "08P01", "0A000", "25006", "26000", "28000", "28P01", "3D000", "40003", "42501", "42P01",
                    "55000", "57P01", "57P02", "57P03", "57P05", "58030", "58P01", "72000", "F0001", "XX000",
                    "XX001",
                ],
            ),
        ] {
            for code in codes {
                assert_eq!(Cause::of_postgres(code), cause, "{code}");
            }
        }
        for (cause, codes) in [
            (Cause::Statement, &[1, 18, 19, 20, 21, 25][..]),
            (Cause::Others, &[5, 6]),
            (Cause::Shortage, &[7, 13]),
            (Cause::Session, &[3, 8, 10, 11, 14, 26]),
        ] {
            for code in codes {
                assert_eq!(Cause::of_sqlite(*code), cause, "{code}");
            }
        }
    }
}
