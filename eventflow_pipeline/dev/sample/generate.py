"""Puts a sample together from its parts."""

from eventflow_pipeline.dev.sample import audience, dimensions, members, plans, quiet
from eventflow_pipeline.dev.sample.facts import Facts
from eventflow_pipeline.dev.sample.options import SampleOptions
from eventflow_pipeline.dev.sample.randomness import stream
from eventflow_pipeline.dev.sample.rows import Sample
from eventflow_pipeline.dev.sample.stage import Stage
from eventflow_pipeline.dev.sample.timeline import Timeline
from eventflow_pipeline.dev.sample.traffic import Traffic
from eventflow_pipeline.dev.sample.traps import plant


def generate(options: SampleOptions) -> Sample:
    """The sample that ``options`` describe: no input or output, no clock; equal options give equal rows.

    Raises SampleRefused when ``now`` leaves too few complete days for the traps.
    """
    timeline = Timeline.of(options)
    rows = dimensions.build(options, timeline)
    reserved = quiet.reserve(rows, timeline)
    facts = Facts(stream(options.seed, "facts"))
    Traffic(options, timeline, reserved, facts).run(plans.make_plans(options, timeline, rows))
    viewers = audience.build(options, timeline, rows)
    stage = Stage(timeline, rows, reserved, facts, viewers, stream(options.seed, "traps"))
    traps = plant(stage)
    facts.finish()
    return Sample(
        options=options,
        agencies=rows.agencies,
        clients=rows.clients,
        client_members=members.client_members(rows.clients),
        agency_members=members.agency_members(rows.agencies),
        campaigns=rows.campaigns,
        webinars=rows.webinars,
        links=rows.links,
        visits=facts.visits,
        entries=facts.entries,
        presence=viewers.presence,
        concurrency=viewers.buckets,
        traps=traps,
    )
