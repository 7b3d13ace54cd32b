"""Holds template.yaml to its promises about authority and delivery.

The template is expanded as CloudFormation would (SAM transform, parameters, conditions) and what would be
deployed is read: who may do what, which events wake the function, how long an event lives. Event patterns are
judged by moto's matcher, an implementation that is not ours, on made-up events and on every sample in events/.

Run by `make validate`: .tools/venv/bin/python infra/check_template.py
"""

import copy
import json
import os
import pathlib
import sys

import cfnlint.decode.cfn_yaml
from moto.events.models import EventPattern
from samtranslator.translator.transform import transform

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACCOUNT, REGION = "123456789012", "eu-west-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "trimtab",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()
os.environ["AWS_DEFAULT_REGION"] = REGION  # the transform asks for one

# All that the function may do, and what of it IAM cannot narrow to a resource.
OBSERVE = {
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribePolicies",
    "autoscaling:DescribeScheduledActions",
    "cloudwatch:GetMetricData",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "ecs:DescribeCapacityProviders",
    "ecs:DescribeClusters",
    "ecs:DescribeContainerInstances",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:ListContainerInstances",
    "ecs:ListServices",
    "ecs:ListTagsForResource",
    "events:PutEvents",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:SendMessage",
}
ACT = {"ecs:UpdateService", "autoscaling:SetDesiredCapacity"}
NO_RESOURCE = {a for a in OBSERVE if a.split(":")[0] in ("application-autoscaling", "autoscaling", "cloudwatch")} | {
    "ecs:DescribeTaskDefinition",
    "ecs:ListServices",
}

problems = []


def expect(name, got, want):
    """Notes a promise that is not kept."""
    if got != want:
        problems.append(f"{name}: got {got!r}, want {want!r}")


class Stack:
    """template.yaml as it would be deployed with the given parameters."""

    def __init__(self, **parameters):
        template = json.loads(json.dumps(cfnlint.decode.cfn_yaml.load(str(ROOT / "template.yaml"))))
        defaults = {name: p.get("Default") for name, p in template["Parameters"].items()}
        self.parameters = {**defaults, **parameters}
        # The transform wants uploaded code; where it is does not matter here.
        template["Resources"]["ReconcileFunction"]["Properties"]["CodeUri"] = {"Bucket": "b", "Key": "k"}
        expanded = transform(copy.deepcopy(template), dict(self.parameters), _NoManagedPolicies())
        self.conditions = expanded.get("Conditions", {})
        self.resources = {
            name: self.resolve(r)
            for name, r in expanded["Resources"].items()
            if "Condition" not in r or self.holds(r["Condition"])
        }

    def holds(self, name):
        return self.resolve(self.conditions[name])

    def resolve(self, node):
        """Replaces intrinsic functions by what they give; a reference to a resource by its name in brackets."""
        if isinstance(node, list):
            return [v for v in map(self.resolve, node) if v is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (key, value), = node.items()
            if key == "Ref":
                return self.ref(value)
            if key == "Fn::GetAtt":
                parts = value if isinstance(value, list) else value.split(".", 1)
                return f"<{parts[0]}.{parts[1]}>"
            if key == "Fn::Sub" and isinstance(value, str):
                return self.sub(value)
            if key == "Fn::If":
                return self.resolve(value[1] if self.holds(value[0]) else value[2])
            if key == "Fn::Equals":
                left, right = map(self.resolve, value)
                return str(left) == str(right)
            if key == "Fn::Not":
                return not self.resolve(value[0])
            if key.startswith("Fn::"):
                raise ValueError(f"check_template.py does not know {key}: teach it")
        resolved = {k: self.resolve(v) for k, v in node.items()}
        return {k: v for k, v in resolved.items() if v is not NO_VALUE}

    def ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        return {**PSEUDO, **self.parameters}.get(name, f"<{name}>")

    def sub(self, text):
        for name, value in {**PSEUDO, **self.parameters}.items():
            text = text.replace("${" + name + "}", str(value))
        return text

    def of_type(self, kind):
        return {name: r["Properties"] for name, r in self.resources.items() if r["Type"] == kind}

    def statements(self):
        for policy in self.resources["ReconcileRole"]["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield statement, set(_list(statement["Action"])), _list(statement["Resource"])

    def wakes(self, rule, event):
        pattern = self.resources["ReconcileFunction" + rule]["Properties"]["EventPattern"]
        return EventPattern.load(json.dumps(pattern)).matches_event(event)


class _NoManagedPolicies:
    def load(self):
        return {}


def _list(value):
    return value if isinstance(value, list) else [value]


def check_authority():
    observing, acting = Stack(), Stack(Mode="act")
    expect("default mode", observing.parameters["Mode"], "observe")
    for name, stack, want in (("observe", observing, OBSERVE), ("act", acting, OBSERVE | ACT)):
        granted = set().union(*(actions for _, actions, _ in stack.statements()))
        expect(f"actions of the role in {name} mode, missing", sorted(want - granted), [])
        expect(f"actions of the role in {name} mode, too many", sorted(granted - want), [])
        expect("roles", list(stack.of_type("AWS::IAM::Role")), ["ReconcileRole"])
        expect("managed policies", stack.resources["ReconcileRole"]["Properties"].get("ManagedPolicyArns", []), [])
        for statement, actions, resources in stack.statements():
            wide = actions if "*" in resources else set()
            expect(f"{statement['Sid']}: actions on every resource that could be narrowed", sorted(wide - NO_RESOURCE), [])
            if "ecs:ListServices" in wide:
                expect("ListServices is narrowed by its cluster", "ecs:cluster" in str(statement.get("Condition")), True)

    narrow = Stack(Mode="act", ClusterName="prod", AutoScalingGroupName="prod-m7g", QueueName="prod-*")
    by_action = {}
    for _, actions, resources in narrow.statements():
        for action in actions:
            by_action.setdefault(action, []).extend(resources)
    expect(
        "DescribeServiceRevisions",
        by_action["ecs:DescribeServiceRevisions"],
        [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/prod/*", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-revision/prod/*"],
    )
    expect("ListTagsForResource", by_action["ecs:ListTagsForResource"], [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/prod/*"])
    for action in ("sqs:GetQueueAttributes", "sqs:GetQueueUrl"):
        expect(action, by_action[action], [f"arn:aws:sqs:{REGION}:{ACCOUNT}:prod-*"])
    expect("messages are only sent, and to the dead letters", by_action["sqs:SendMessage"], ["<ReconcileDeadLetters.Arn>"])
    expect("UpdateService", by_action["ecs:UpdateService"], [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/prod/*"])
    expect(
        "SetDesiredCapacity",
        by_action["autoscaling:SetDesiredCapacity"],
        [f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/prod-m7g"],
    )
    anywhere = {a: resources for _, actions, resources in acting.statements() for a in actions}
    expect("UpdateService, any cluster", anywhere["ecs:UpdateService"], [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/*"])
    direct = narrow.resources["DirectAlarmPermission"]["Properties"]
    expect("direct alarms, principal", direct["Principal"], "lambda.alarms.cloudwatch.amazonaws.com")
    expect("direct alarms, account", direct["SourceAccount"], ACCOUNT)
    expect("direct alarms, ARN", direct["SourceArn"], f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:trimtab-*")
    for name, permission in narrow.of_type("AWS::Lambda::Permission").items():
        expect(f"{name} names its source", bool(permission.get("SourceArn")), True)


def check_delivery():
    stack = Stack()
    rules = stack.of_type("AWS::Events::Rule")
    expect("rules", sorted(rules), sorted("ReconcileFunction" + n for n in ("AlarmStateChange", "EcsServiceEvent", "Tick")))
    for name, rule in rules.items():
        for target in rule["Targets"]:
            expect(f"{name}: target", target["Arn"], "<ReconcileFunction.Arn>")
            expect(f"{name}: event age within minutes", 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 600, True)
            expect(f"{name}: bounded attempts", target["RetryPolicy"]["MaximumRetryAttempts"] <= 10, True)
            expect(f"{name}: dead letters", target["DeadLetterConfig"]["Arn"], "<ReconcileDeadLetters.Arn>")
    expect("tick", rules["ReconcileFunctionTick"]["ScheduleExpression"], "rate(1 minute)")
    expect("tick is on", rules["ReconcileFunctionTick"]["State"], "ENABLED")

    (invoke,) = stack.of_type("AWS::Lambda::EventInvokeConfig").values()
    expect("asynchronous event age within minutes", 60 <= invoke["MaximumEventAgeInSeconds"] <= 600, True)
    expect("asynchronous attempts", invoke["MaximumRetryAttempts"] <= 1, True)
    expect("asynchronous dead letters", invoke["DestinationConfig"]["OnFailure"]["Destination"], "<ReconcileDeadLetters.Arn>")
    sources = stack.resources["ReconcileDeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]
    expect("rules that may write dead letters", sorted(sources["ArnEquals"]["aws:SourceArn"]), sorted(f"<{n}.Arn>" for n in rules))

    table = stack.resources["LedgerTable"]
    expect("the table outlives the stack", (table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
    properties = table["Properties"]
    expect("keys", [k["AttributeName"] for k in properties["KeySchema"]], ["pk", "sk"])
    expect("TTL", properties["TimeToLiveSpecification"], {"AttributeName": "expiresAt", "Enabled": True})
    expect("on demand", properties["BillingMode"], "PAY_PER_REQUEST")
    expect("point-in-time recovery", properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], True)
    expect("encryption", properties["SSESpecification"]["SSEEnabled"], True)

    function = stack.resources["ReconcileFunction"]["Properties"]
    expect("architecture", function["Architectures"], ["arm64"])
    expect("log format", function["LoggingConfig"]["LogFormat"], "JSON")
    expect("environment", sorted(function["Environment"]["Variables"]), ["TRIMTAB_EVENT_BUS", "TRIMTAB_MAX_HOURLY_SPEND", "TRIMTAB_MODE", "TRIMTAB_TABLE"])
    expect("spend cap", Stack(MaxHourlySpend=2.5).resources["ReconcileFunction"]["Properties"]["Environment"]["Variables"]["TRIMTAB_MAX_HOURLY_SPEND"], 2.5)
    expect("stopped", Stack(ReservedConcurrency=0).resources["ReconcileFunction"]["Properties"]["ReservedConcurrentExecutions"], 0)
    expect("nothing reserved", "ReservedConcurrentExecutions" in function, False)


def event(source, kind, resource, **detail):
    return {
        "version": "0", "id": "1", "account": ACCOUNT, "region": REGION, "time": "2026-10-02T17:04:40Z",
        "source": source, "detail-type": kind, "resources": [resource], "detail": detail,
    }  # fmt: skip


def alarm(name, kind="CloudWatch Alarm State Change"):
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    return event("aws.cloudwatch", kind, arn, alarmName=name, state={"value": "ALARM"})


def service(name, kind="ECS Service Action", cluster="prod"):
    folder = f"{cluster}/" if cluster else ""  # the oldest services have no cluster in their ARN
    return event("aws.ecs", kind, f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{folder}web", eventName=name)


def check_patterns():
    stack, every, one = Stack(), Stack(AlarmNamePrefix=""), Stack(ClusterName="prod")
    pattern = Stack(ClusterName="pr*")
    cases = [
        (stack, "AlarmStateChange", alarm("trimtab-web-cpu-high"), True),
        (stack, "AlarmStateChange", alarm("billing"), False),
        (every, "AlarmStateChange", alarm("billing"), True),
        (every, "AlarmStateChange", alarm("billing", "CloudWatch Alarm Configuration Change"), False),
        (stack, "EcsServiceEvent", service("SERVICE_TASK_PLACEMENT_FAILURE"), True),
        (stack, "EcsServiceEvent", service("SERVICE_TASK_START_IMPAIRED"), True),
        (stack, "EcsServiceEvent", service("SERVICE_DEPLOYMENT_COMPLETED", "ECS Deployment State Change"), True),
        (stack, "EcsServiceEvent", service("SERVICE_DEPLOYMENT_FAILED", "ECS Deployment State Change"), True),
        (stack, "EcsServiceEvent", service("SERVICE_DEPLOYMENT_IN_PROGRESS", "ECS Deployment State Change"), False),
        (stack, "EcsServiceEvent", service("SERVICE_STEADY_STATE"), False),
        (stack, "EcsServiceEvent", service("SERVICE_TASK_PLACEMENT_FAILURE", "ECS Task State Change"), False),
        (stack, "EcsServiceEvent", service("SERVICE_TASK_PLACEMENT_FAILURE", cluster=""), True),
        (one, "EcsServiceEvent", service("SERVICE_TASK_PLACEMENT_FAILURE", cluster=""), False),
        (one, "EcsServiceEvent", service("SERVICE_TASK_PLACEMENT_FAILURE"), True),
        (one, "EcsServiceEvent", service("SERVICE_TASK_PLACEMENT_FAILURE", cluster="prod-2"), False),
        (pattern, "EcsServiceEvent", service("SERVICE_TASK_PLACEMENT_FAILURE", cluster="prod-2"), True),
        (pattern, "EcsServiceEvent", service("SERVICE_TASK_PLACEMENT_FAILURE", cluster="test"), False),
    ]
    for which, rule, sample, want in cases:
        name = f"{rule} wakes on {sample['detail-type']} {sample['resources'][0]} {sample['detail'].get('eventName', '')}"
        expect(name, which.wakes(rule, sample), want)

    # The samples that people invoke by hand reach the function in production by these same rules.
    seen = {"AlarmStateChange": 0, "EcsServiceEvent": 0}
    for path in sorted((ROOT / "events").glob("*.json")):
        sample = json.loads(path.read_text())
        if not isinstance(sample, dict) or "detail-type" not in sample:
            continue
        sample = json.loads(json.dumps(sample).replace(sample["account"], ACCOUNT).replace(sample["region"], REGION))
        for rule in seen:
            seen[rule] += every.wakes(rule, sample)
    if (ROOT / "events").is_dir():
        expect("samples in events/ for each rule", {rule: n > 0 for rule, n in seen.items()}, dict.fromkeys(seen, True))


check_authority()
check_delivery()
check_patterns()
for problem in problems:
    print(f"template.yaml: {problem}", file=sys.stderr)
sys.exit(1 if problems else 0)
