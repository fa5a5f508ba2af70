//! Every node's memory of tenants' records, as their own people read them: the most frequent question of an application
//! about its tenant is answered without asking the database.
//!
//! Invariants: a hit costs no call to the database; what is answered was loaded after the last news about it
//! ([`isolation::FreshCache`]), and on the node that made a change and answered it, after the change; memory is bounded.
//!
//! What may not enter: other records. Each has its own news.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use isolation::{Databases, FreshCache, Listener, News, TenantCtx};
use kernel::TenantId;

use crate::plans::{Plan, PlanId, catalogue};
use crate::tenants::view::TenantView;
use crate::tenants::{TOPIC, own};

/// A tenant's record as JSON. What it has of its plan, which is more than half of it, is there once for all tenants.
#[derive(Debug)]
pub struct Record {
    /// Its version.
    pub version: i64,
    /// All but the plan's texts.
    own: Box<str>,
    of_plan: &'static PlanTexts,
    /// Where in its own text the plan's come in; none where it deviates from the plan.
    cuts: [Option<NonZeroU32>; 2],
}

/// A plan's features and limits as JSON, in the order in which a record has them.
type PlanTexts = [String; 2];

static OF_PLANS: LazyLock<HashMap<PlanId, PlanTexts>> = LazyLock::new(|| {
    let texts = |plan: &Plan| {
        let texts = [
            serde_json::to_string(&plan.features),
            serde_json::to_string(&plan.limits),
        ];
        (
            plan.id,
            texts.map(|text| text.expect("names and numbers are JSON")),
        )
    };
    catalogue().plans.iter().map(texts).collect()
});

impl Record {
    fn new(tenant: &TenantView) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(tenant)?;
        let of_plan = &OF_PLANS[&tenant.plan];
        let (mut own, mut rest) = (String::with_capacity(json.len()), json.as_str());
        let mut cuts = [None; 2];
        for (cut, text) in cuts.iter_mut().zip(of_plan) {
            if let Some((before, after)) = rest.split_once(text.as_str()) {
                own.push_str(before);
                rest = after;
                *cut = u32::try_from(own.len()).ok().and_then(NonZeroU32::new);
            }
        }
        own.push_str(rest);
        Ok(Self {
            version: tenant.version,
            own: own.into(),
            of_plan,
            cuts,
        })
    }

    /// A [`TenantView`].
    pub fn json(&self) -> Bytes {
        let plans: usize = self.of_plan.iter().map(String::len).sum();
        let mut json = Vec::with_capacity(self.own.len() + plans);
        let mut rest = &*self.own;
        let mut copied = 0;
        for (cut, text) in self.cuts.iter().zip(self.of_plan) {
            let Some(cut) = cut else { continue };
            let cut = usize::try_from(cut.get()).unwrap_or(usize::MAX);
            let (before, after) = rest.split_at(cut - copied);
            json.extend_from_slice(before.as_bytes());
            json.extend_from_slice(text.as_bytes());
            (rest, copied) = (after, cut);
        }
        json.extend_from_slice(rest.as_bytes());
        json.into()
    }
}

/// The memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Records(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    databases: Databases,
    known: FreshCache<TenantId, Arc<Record>>,
}

impl Records {
    /// An empty memory for so many records at most. It keeps nothing until [`Databases::spread_news`] runs.
    pub fn new(databases: Databases, capacity: u64) -> Self {
        let records = Arc::new(Inner {
            known: FreshCache::new(capacity),
            databases,
        });
        records.databases.tell(&records);
        Self(records)
    }

    /// The caller's own tenant; none where it was removed meanwhile.
    pub async fn own(&self, ctx: &TenantCtx) -> Result<Option<Arc<Record>>, sqlx::Error> {
        match self.0.known.get(&ctx.tenant_id()) {
            Some(record) => Ok(Some(record)),
            None => Box::pin(self.load(ctx)).await,
        }
    }

    async fn load(&self, ctx: &TenantCtx) -> Result<Option<Arc<Record>>, sqlx::Error> {
        let (id, known) = (ctx.tenant_id(), &self.0.known);
        let ticket = known.ticket();
        let Some(tenant) = own(&mut ctx.control().await?).await? else {
            return Ok(None);
        };
        let record = Record::new(&TenantView::from(tenant));
        let record = Arc::new(record.map_err(|error| sqlx::Error::Encode(error.into()))?);
        known.put(ticket, &id, Arc::clone(&record));
        Ok(Some(record))
    }
}

impl Listener for Inner {
    fn hear(&self, news: &News) {
        match news {
            News::Everything => self.known.forget_everything(),
            News::Interrupted => self.known.distrust(),
            News::One { topic, key } if topic == TOPIC => match key.parse::<TenantId>() {
                Ok(id) => self.known.forget(&id),
                Err(_) => self.known.forget_everything(),
            },
            News::One { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use isolation::IsolationStrategy;
    use kernel::{Seams, Timestamp};

    use super::*;
    use crate::plans::Feature;
    use crate::tenants::view::TenantConfig;
    use crate::tenants::{BillingCycle, Settings, Status};

    fn tenant(plan: &Plan, settings: &str) -> TenantView {
        let then = Timestamp::from_micros(0);
        TenantView {
            id: Seams::real().new_id(),
            name: format!("{} and sons", serde_json::to_string(&plan.limits).expect("JSON")),
            slug: "acme".to_owned(),
            status: Status::Active,
            plan: plan.id,
            billing_cycle: BillingCycle::Monthly,
            isolation_strategy: IsolationStrategy::SharedDatabase,
            custom_domain: None,
            config: TenantConfig {
                features: plan.features,
                settings: serde_json::from_str::<Settings>(settings).expect("settings"),
            },
            limits: plan.limits,
            region: None,
            created_at: then,
            updated_at: then,
            trial_ends_at: None,
            suspended_at: None,
            suspension_reason: None,
            deletion: None,
            version: 7,
        }
    }

    #[test]
    fn what_is_the_plans_is_kept_once_and_the_record_is_read_whole() {
        for plan in &catalogue().plans {
            let limits = serde_json::to_string(&plan.limits).expect("JSON");
            let mut other = tenant(plan, "{}");
            let as_planned = other.config.features.contains(Feature::Sso);
            other.config.features = other.config.features.with(Feature::Sso, !as_planned);
            for (view, of_plan) in [
                (tenant(plan, "{}"), 2),
                (tenant(plan, &format!(r#"{{"copied":{limits}}}"#)), 2),
                (other, 1),
            ] {
                let record = Record::new(&view).expect("a record");
                let json = serde_json::to_vec(&view).expect("JSON");
                assert_eq!(record.json(), json, "{view:?}");
                assert_eq!(record.cuts.iter().flatten().count(), of_plan);
                assert!(json.len() - record.own.len() > 80 * of_plan);
            }
        }
    }
}
