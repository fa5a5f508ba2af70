//! A tenant's rows as the product made them, in every table of both planes, to be inserted again under other
//! identifiers: what making a tenant costs without the product, whatever the product's tables are today.
//!
//! Tables and columns come from the catalogue. Left out are the outbox, which the rows have passed through, and
//! the announcements to caches: the bare side does rather less than it might have to.

use anyhow::{Context, Result, ensure};
use kernel::{Seams, Tenant, TenantId};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use uuid::Uuid;

/// What was read of one tenant.
pub(crate) struct Specimen {
    tables: Vec<Table>,
    slug: String,
    /// Every identifier that is in its rows.
    ids: Vec<Uuid>,
}

struct Table {
    insert: String,
    cells: Vec<Cell>,
}

enum Cell {
    /// The same for every tenant.
    Same(Option<String>),
    /// Holds the slug or an identifier.
    Own(String),
    /// So many bytes that are unique.
    Unique(usize),
}

struct Column {
    name: String,
    kind: String,
}

/// The values of one more tenant, a list for each table.
pub(crate) struct Likeness {
    values: Vec<Vec<Option<String>>>,
    later: String,
}

impl Specimen {
    /// Reads all that there is of the tenant.
    pub(crate) async fn read(connection: &mut PgConnection, tenant: &str, slug: &str) -> Result<Self> {
        let tenant: TenantId = tenant.parse()?;
        let mut found = Self {
            tables: Vec::new(),
            slug: slug.to_owned(),
            ids: Vec::new(),
        };
        let mut read = Vec::new();
        for table in tables(connection).await? {
            let columns = columns(connection, &table).await?;
            let rows = rows(connection, &table, &columns, tenant).await?;
            for row in &rows {
                found.remember_ids(&columns, row)?;
            }
            if !rows.is_empty() {
                read.push((insert(&table, &columns, rows.len()), columns, rows));
            }
        }
        ensure!(read.len() > 5, "there is hardly anything of {tenant}");
        for (insert, columns, rows) in read {
            let cells = rows.into_iter().flat_map(|row| columns.iter().zip(row));
            let cells = cells.map(|(column, value)| found.cell(column, value)).collect();
            found.tables.push(Table { insert, cells });
        }
        Ok(found)
    }

    fn remember_ids(&mut self, columns: &[Column], row: &[Option<String>]) -> Result<()> {
        for (_, value) in columns
            .iter()
            .zip(row)
            .filter(|(column, _)| column.kind == "uuid")
        {
            let Some(text) = value else { continue };
            let id = text.parse()?;
            if !self.ids.contains(&id) {
                self.ids.push(id);
            }
        }
        Ok(())
    }

    fn cell(&self, column: &Column, value: Option<String>) -> Cell {
        match value {
            Some(text) if column.kind == "bytea" => Cell::Unique(text.len().saturating_sub(2) / 2),
            Some(text) if self.names().iter().any(|name| text.contains(name)) => Cell::Own(text),
            other => Cell::Same(other),
        }
    }

    /// Everything in a text that belongs to this tenant alone.
    fn names(&self) -> Vec<String> {
        names(&self.slug, &self.ids)
    }

    /// Another tenant like it, everything about which happened so many milliseconds later.
    pub(crate) fn likeness(&self, seams: &Seams, slug: &str, later: u64) -> Likeness {
        let ids: Vec<Uuid> = self.ids.iter().map(|_| seams.new_id::<Tenant>().uuid()).collect();
        let renamed: Vec<_> = self.names().into_iter().zip(names(slug, &ids)).collect();
        let value = |cell: &Cell| match cell {
            Cell::Same(value) => value.clone(),
            Cell::Own(text) => Some(
                renamed
                    .iter()
                    .fold(text.clone(), |text, (from, to)| text.replace(from.as_str(), to)),
            ),
            Cell::Unique(length) => Some(unique_bytes(seams, *length)),
        };
        let values = self
            .tables
            .iter()
            .map(|table| table.cells.iter().map(value).collect())
            .collect();
        Likeness {
            values,
            later: format!("{later} milliseconds"),
        }
    }

    /// Inserts it in one transaction, with one statement for each table.
    pub(crate) async fn insert(&self, connection: &mut PgConnection, likeness: &Likeness) -> Result<()> {
        let mut tx = connection.begin().await?;
        for (table, values) in self.tables.iter().zip(&likeness.values) {
            let mut query = sqlx::query(AssertSqlSafe(table.insert.clone())).bind(&likeness.later);
            for value in values {
                query = query.bind(value.as_deref());
            }
            query
                .execute(&mut *tx)
                .await
                .with_context(|| table.insert.clone())?;
        }
        Ok(tx.commit().await?)
    }
}

fn names(slug: &str, ids: &[Uuid]) -> Vec<String> {
    let mut names = vec![slug.to_owned()];
    for id in ids {
        let printed = TenantId::from_uuid(*id).to_string();
        // The part after the underscore is the same for every kind of thing.
        let digits = printed.rsplit('_').next().unwrap_or_default().to_owned();
        names.extend([id.to_string(), id.simple().to_string(), digits]);
    }
    names
}

fn unique_bytes(seams: &Seams, length: usize) -> String {
    let random: [u8; 32] = seams.random();
    let digits = random
        .iter()
        .cycle()
        .take(length)
        .map(|byte| format!("{byte:02x}"));
    format!("\\x{}", digits.collect::<String>())
}

/// The tables that hold something of tenants, referenced ones first.
async fn tables(connection: &mut PgConnection) -> Result<Vec<String>> {
    let query = "with recursive tables as (
             select c.oid, format('%I.%I', n.nspname, c.relname) as name
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname in ('control', 'tenant') and c.relkind in ('r', 'p') and not c.relispartition
               and c.relname <> 'outbox'
         ), depth (oid, level) as (
             select oid, 0 from tables
             union
             select k.conrelid, d.level + 1 from depth d join pg_constraint k
                 on k.contype = 'f' and k.confrelid = d.oid and k.conrelid <> d.oid
             where d.level < 32
         )
         select t.name from tables t join depth d using (oid)
         where t.name = 'control.tenants'
            or exists (select from pg_attribute a where a.attrelid = t.oid and a.attname = 'tenant_id')
         group by t.name order by max(d.level), t.name";
    Ok(sqlx::query_scalar(query).fetch_all(connection).await?)
}

async fn columns(connection: &mut PgConnection, table: &str) -> Result<Vec<Column>> {
    let query = "select attname::text, format_type(atttypid, null) from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''
         order by attnum";
    let rows = sqlx::query(query).bind(table).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Column {
                name: row.try_get(0)?,
                kind: row.try_get(1)?,
            })
        })
        .collect()
}

async fn rows(
    connection: &mut PgConnection,
    table: &str,
    columns: &[Column],
    tenant: TenantId,
) -> Result<Vec<Vec<Option<String>>>> {
    let texts: Vec<_> = columns
        .iter()
        .map(|column| format!("{}::text", column.name))
        .collect();
    let key = if table == "control.tenants" {
        "id"
    } else {
        "tenant_id"
    };
    let select = format!("select {} from {table} where {key} = $1", texts.join(", "));
    let rows = sqlx::query(AssertSqlSafe(select))
        .bind(tenant.uuid())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| (0..columns.len()).map(|at| Ok(row.try_get(at)?)).collect())
        .collect()
}

/// Inserts so many rows at once; the first parameter says how much later everything happened.
fn insert(table: &str, columns: &[Column], rows: usize) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    let row = |row: usize| {
        let place = |(at, column): (usize, &Column)| {
            let parameter = format!("${}::{}", row * columns.len() + at + 2, column.kind);
            if column.kind == "timestamp with time zone" {
                format!("{parameter} + $1::interval")
            } else {
                parameter
            }
        };
        let places: Vec<_> = columns.iter().enumerate().map(place).collect();
        format!("({})", places.join(", "))
    };
    let values: Vec<_> = (0..rows).map(row).collect();
    // A table without a time has no use for the first parameter, which must be mentioned all the same.
    format!(
        "insert into {table} ({}) select * from (values {}) as made where $1::interval is not null",
        names.join(", "),
        values.join(", ")
    )
}
