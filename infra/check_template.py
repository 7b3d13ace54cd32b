"""Holds template.yaml to its promises about authority and delivery.

The template is expanded as CloudFormation would (SAM transform, parameters, conditions) and what would be
deployed is read: who may do what, which events wake which function, how long an event lives. Event patterns are
judged by moto's matcher, an implementation that is not ours, on made-up events and on every sample in events/.

Run by `make validate`: .tools/venv/bin/python infra/check_template.py
"""

import collections
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

# What both roles may do, the more of each, and what of it IAM cannot narrow to a resource.
READ = {
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeInstanceRefreshes",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:DescribeWarmPool",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "ecs:DescribeCapacityProviders",
    "ecs:DescribeContainerInstances",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:GetTaskProtection",
    "ecs:ListContainerInstances",
    "ecs:ListServices",
    "ecs:ListTagsForResource",
    "ecs:ListTasks",
    "events:PutEvents",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
}
OBSERVE = {
    "ReconcileRole": READ
    | {
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "autoscaling:DescribePolicies",
        "autoscaling:DescribeScheduledActions",
        "cloudwatch:GetMetricData",
        "ecs:DescribeClusters",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
    },
    # Who else sizes a group is asked before an instance of it goes.
    "DrainRole": READ
    | {"autoscaling:DescribeLifecycleHooks", "autoscaling:DescribePolicies", "autoscaling:DescribeScheduledActions", "ecs:DescribeClusters"},
}
ACT = {
    "ReconcileRole": {"ecs:UpdateService", "autoscaling:SetDesiredCapacity"},
    "DrainRole": {
        "autoscaling:CompleteLifecycleAction",
        "autoscaling:RecordLifecycleActionHeartbeat",
        "autoscaling:SetInstanceProtection",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "ecs:UpdateContainerInstancesState",
    },
}
BY_CLUSTER = {"ecs:ListServices", "ecs:ListTasks"}  # on every resource, but of one cluster
NO_RESOURCE = {a for role in OBSERVE.values() for a in role if a.split(":")[0] in ("application-autoscaling", "autoscaling", "cloudwatch")} | {
    "ecs:DescribeTaskDefinition",
    *BY_CLUSTER,
}
FUNCTIONS = ("ReconcileFunction", "DrainFunction")
RULES = {
    "ReconcileFunction": ("AlarmStateChange", "EcsServiceEvent", "LaunchFailure", "SpotNotice", "Tick"),
    "DrainFunction": ("GroupEvent", "SpotNotice", "InstanceState", "HostChange", "Tick"),
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
        for function in FUNCTIONS:
            template["Resources"][function]["Properties"]["CodeUri"] = {"Bucket": "b", "Key": "k"}
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

    def statements(self, role):
        for policy in self.resources[role]["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield statement, set(_list(statement["Action"])), _list(statement["Resource"])

    def by_action(self, role):
        """The resources of every action that the role may do."""
        found = collections.defaultdict(list)
        for _, actions, resources in self.statements(role):
            for action in actions:
                found[action].extend(resources)
        return found

    def wakes(self, rule, event):
        pattern = self.resources[rule]["Properties"]["EventPattern"]
        return EventPattern.load(json.dumps(pattern)).matches_event(event)


class _NoManagedPolicies:
    def load(self):
        return {}


def _list(value):
    return value if isinstance(value, list) else [value]


def check_authority():
    observing, acting = Stack(), Stack(Mode="act")
    expect("default mode", observing.parameters["Mode"], "observe")
    for name, stack in (("observe", observing), ("act", acting)):
        expect("roles", sorted(stack.of_type("AWS::IAM::Role")), sorted(OBSERVE))
        for role in OBSERVE:
            want = OBSERVE[role] | (ACT[role] if stack is acting else set())
            granted = set(stack.by_action(role))
            expect(f"actions of {role} in {name} mode, missing", sorted(want - granted), [])
            expect(f"actions of {role} in {name} mode, too many", sorted(granted - want), [])
            expect(f"managed policies of {role}", stack.resources[role]["Properties"].get("ManagedPolicyArns", []), [])
            for statement, actions, resources in stack.statements(role):
                wide = actions if "*" in resources else set()
                expect(f"{role} {statement['Sid']}: actions on every resource that could be narrowed", sorted(wide - NO_RESOURCE), [])
                if wide & BY_CLUSTER:
                    expect(f"{role} {statement['Sid']} is narrowed by its cluster", "ecs:cluster" in str(statement.get("Condition")), True)
                    expect(f"{role} {statement['Sid']} has no action without a cluster", sorted(actions - BY_CLUSTER), [])
    for function in FUNCTIONS:
        role = function.replace("Function", "Role")
        expect(f"role of {function}", observing.resources[function]["Properties"]["Role"], f"<{role}.Arn>")
    expect("what both roles may change", sorted(ACT["ReconcileRole"] & ACT["DrainRole"]), [])
    check_resources(acting)
    check_tags()


def check_resources(anywhere):
    narrow = Stack(Mode="act", ClusterName="prod", AutoScalingGroupName="prod-m7g", QueueName="prod-*")
    ecs, group = f"arn:aws:ecs:{REGION}:{ACCOUNT}", f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/prod-m7g"
    for role in OBSERVE:
        may = narrow.by_action(role)
        expect("DescribeServiceRevisions", may["ecs:DescribeServiceRevisions"], [f"{ecs}:service/prod/*", f"{ecs}:service-revision/prod/*"])
        expect("ListTagsForResource", may["ecs:ListTagsForResource"], [f"{ecs}:service/prod/*"])
        expect("DescribeContainerInstances", may["ecs:DescribeContainerInstances"], [f"{ecs}:container-instance/prod/*"])
        for action in ("ecs:DescribeTasks", "ecs:GetTaskProtection"):
            expect(f"{role} {action}", may[action], [f"{ecs}:task/prod/*"])
            expect(f"{role} {action}, any cluster", anywhere.by_action(role)[action], [f"{ecs}:task/*"])
        for action in sorted(a for a in ACT[role] if a.startswith("autoscaling:")):
            expect(f"{role} {action}", may[action], [group])
        expect(f"{role}: messages are only sent, and to the dead letters", may["sqs:SendMessage"], ["<DeadLetters.Arn>"])
    may = narrow.by_action("ReconcileRole")
    for action in ("sqs:GetQueueAttributes", "sqs:GetQueueUrl"):
        expect(action, may[action], [f"arn:aws:sqs:{REGION}:{ACCOUNT}:prod-*"])
    expect("UpdateService", may["ecs:UpdateService"], [f"{ecs}:service/prod/*"])
    expect("UpdateService, any cluster", anywhere.by_action("ReconcileRole")["ecs:UpdateService"], [f"{ecs}:service/*"])
    action = "ecs:UpdateContainerInstancesState"
    expect(action, narrow.by_action("DrainRole")[action], [f"{ecs}:container-instance/prod/*"])
    expect(f"{action}, any cluster", anywhere.by_action("DrainRole")[action], [f"{ecs}:container-instance/*"])
    direct = narrow.resources["DirectAlarmPermission"]["Properties"]
    expect("direct alarms, principal", direct["Principal"], "lambda.alarms.cloudwatch.amazonaws.com")
    expect("direct alarms, account", direct["SourceAccount"], ACCOUNT)
    expect("direct alarms, ARN", direct["SourceArn"], f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:trimtab-*")
    for name, permission in narrow.of_type("AWS::Lambda::Permission").items():
        expect(f"{name} names its source", bool(permission.get("SourceArn")), True)


def check_tags():
    """Whatever changes a group asks for its tag when TaggedGroupsOnly says so, and only then."""
    tag = {"StringEquals": {"aws:ResourceTag/trimtab:managed": "true"}}
    for only, want in (("true", tag), ("false", None)):
        stack, seen = Stack(Mode="act", TaggedGroupsOnly=only), set()
        for role in OBSERVE:
            for statement, actions, _ in stack.statements(role):
                changes = {a for a in actions & ACT[role] if a.startswith("autoscaling:")}
                if changes:
                    seen |= changes
                    expect(f"TaggedGroupsOnly={only}: condition of {role} {statement['Sid']}", statement.get("Condition"), want)
        expect("changes of groups", len(seen), 5)


def check_delivery():
    stack = Stack()
    rules = stack.of_type("AWS::Events::Rule")
    expect("rules", sorted(rules), sorted(function + n for function in FUNCTIONS for n in RULES[function]))
    for name, rule in rules.items():
        (function,) = (f for f in FUNCTIONS if name.startswith(f))
        for target in rule["Targets"]:
            expect(f"{name}: target", target["Arn"], f"<{function}.Arn>")
            expect(f"{name}: event age within minutes", 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 600, True)
            expect(f"{name}: bounded attempts", target["RetryPolicy"]["MaximumRetryAttempts"] <= 10, True)
            expect(f"{name}: dead letters", target["DeadLetterConfig"]["Arn"], "<DeadLetters.Arn>")
    off = Stack(TickState="DISABLED")
    for function in FUNCTIONS:
        tick = rules[function + "Tick"]
        expect(f"tick of {function}", (tick["ScheduleExpression"], tick["State"]), ("rate(1 minute)", "ENABLED"))
        expect(f"tick of {function}, off", off.resources[function + "Tick"]["Properties"]["State"], "DISABLED")
        expect(f"a Spot notice to {function} lives its two minutes", rules[function + "SpotNotice"]["Targets"][0]["RetryPolicy"]["MaximumEventAgeInSeconds"], 120)

    invokes = stack.of_type("AWS::Lambda::EventInvokeConfig").values()
    expect("asynchronous configurations", sorted(i["FunctionName"] for i in invokes), sorted(f"<{f}>" for f in FUNCTIONS))
    for invoke in invokes:
        expect("asynchronous event age within minutes", 60 <= invoke["MaximumEventAgeInSeconds"] <= 600, True)
        expect("asynchronous attempts", invoke["MaximumRetryAttempts"] <= 1, True)
        expect("asynchronous dead letters", invoke["DestinationConfig"]["OnFailure"]["Destination"], "<DeadLetters.Arn>")
    check_heartbeats(stack, off)
    sources = stack.resources["DeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]
    expect("rules that may write dead letters", sorted(sources["ArnEquals"]["aws:SourceArn"]), sorted(f"<{n}.Arn>" for n in rules))

    table = stack.resources["LedgerTable"]
    expect("the table outlives the stack", (table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
    properties = table["Properties"]
    expect("keys", [k["AttributeName"] for k in properties["KeySchema"]], ["pk", "sk"])
    expect("TTL", properties["TimeToLiveSpecification"], {"AttributeName": "expiresAt", "Enabled": True})
    expect("on demand", properties["BillingMode"], "PAY_PER_REQUEST")
    expect("point-in-time recovery", properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], True)
    expect("encryption", properties["SSESpecification"]["SSEEnabled"], True)

    variables = {"TRIMTAB_EVENT_BUS", "TRIMTAB_MODE", "TRIMTAB_TABLE"}
    for name, more in (("ReconcileFunction", {"TRIMTAB_MAX_HOURLY_SPEND"}), ("DrainFunction", set())):
        function = stack.resources[name]["Properties"]
        expect(f"{name}: architecture", function["Architectures"], ["arm64"])
        expect(f"{name}: log format", function["LoggingConfig"]["LogFormat"], "JSON")
        expect(f"{name}: environment", sorted(function["Environment"]["Variables"]), sorted(variables | more))
        expect(f"{name}: stopped", Stack(ReservedConcurrency=0).resources[name]["Properties"]["ReservedConcurrentExecutions"], 0)
        expect(f"{name}: nothing reserved", "ReservedConcurrentExecutions" in function, False)
        group = function["LoggingConfig"]["LogGroup"].strip("<>")
        expect(f"{name}: its role writes its own log", stack.by_action(name.replace("Function", "Role"))["logs:PutLogEvents"], [f"<{group}.Arn>"])
    expect("spend cap", Stack(MaxHourlySpend=2.5).resources["ReconcileFunction"]["Properties"]["Environment"]["Variables"]["TRIMTAB_MAX_HOURLY_SPEND"], 2.5)


def check_heartbeats(stack, off):
    """Each function has an alarm of its own runs, which is quiet only while there are some."""
    alarms = stack.of_type("AWS::CloudWatch::Alarm")
    expect("heartbeats", sorted(alarms), ["DrainHeartbeat", "ReconcileHeartbeat"])
    expect("heartbeats while the tick is off", list(off.of_type("AWS::CloudWatch::Alarm")), [])
    expect("names of heartbeats", len({a["AlarmName"] for a in alarms.values()}), len(alarms))
    for name, alarm in alarms.items():
        stats = [m["MetricStat"]["Metric"] for m in alarm["Metrics"] if "MetricStat" in m]
        function = name.replace("Heartbeat", "Function")
        expect(f"{name}: metrics", sorted(m["MetricName"] for m in stats), ["Errors", "Invocations"])
        expect(f"{name}: function", {d["Value"] for m in stats for d in m["Dimensions"]}, {f"<{function}>"})
        expect(f"{name}: no data is bad news", alarm["TreatMissingData"], "breaching")
        expect(f"{name} does not wake the function", alarm["AlarmName"].startswith(stack.parameters["AlarmNamePrefix"]), False)


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


def group(kind, name="prod-m7g"):
    arn = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/{name}"
    return event("aws.autoscaling", kind, arn, AutoScalingGroupName=name, EC2InstanceId="i-0a1b2c3d4e5f60718")


def instance(kind, **detail):
    return event("aws.ec2", kind, f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0a1b2c3d4e5f60718", **{"instance-id": "i-0a1b2c3d4e5f60718"}, **detail)


def host(status, cluster="prod", kind="ECS Container Instance State Change"):
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    return event("aws.ecs", kind, f"{arn}:container-instance/{cluster}/1", clusterArn=f"{arn}:cluster/{cluster}", status=status)


def alarm_and_service_cases():
    stack, every, one = Stack(), Stack(AlarmNamePrefix=""), Stack(ClusterName="prod")
    pattern = Stack(ClusterName="pr*")
    alarms, services = "ReconcileFunctionAlarmStateChange", "ReconcileFunctionEcsServiceEvent"
    return [
        (stack, alarms, alarm("trimtab-web-cpu-high"), True),
        (stack, alarms, alarm("billing"), False),
        (every, alarms, alarm("billing"), True),
        (every, alarms, alarm("billing", "CloudWatch Alarm Configuration Change"), False),
        (stack, services, service("SERVICE_TASK_PLACEMENT_FAILURE"), True),
        (stack, services, service("SERVICE_TASK_START_IMPAIRED"), True),
        (stack, services, service("SERVICE_DEPLOYMENT_COMPLETED", "ECS Deployment State Change"), True),
        (stack, services, service("SERVICE_DEPLOYMENT_FAILED", "ECS Deployment State Change"), True),
        (stack, services, service("SERVICE_DEPLOYMENT_IN_PROGRESS", "ECS Deployment State Change"), False),
        (stack, services, service("SERVICE_STEADY_STATE"), False),
        (stack, services, service("SERVICE_TASK_PLACEMENT_FAILURE", "ECS Task State Change"), False),
        (stack, services, service("SERVICE_TASK_PLACEMENT_FAILURE", cluster=""), True),
        (one, services, service("SERVICE_TASK_PLACEMENT_FAILURE", cluster=""), False),
        (one, services, service("SERVICE_TASK_PLACEMENT_FAILURE"), True),
        (one, services, service("SERVICE_TASK_PLACEMENT_FAILURE", cluster="prod-2"), False),
        (pattern, services, service("SERVICE_TASK_PLACEMENT_FAILURE", cluster="prod-2"), True),
        (pattern, services, service("SERVICE_TASK_PLACEMENT_FAILURE", cluster="test"), False),
    ]


def instance_cases():
    stack, one, pattern = Stack(), Stack(ClusterName="prod", AutoScalingGroupName="prod-m7g"), Stack(ClusterName="pr*", AutoScalingGroupName="prod-*")
    launches, groups, hosts, states = "ReconcileFunctionLaunchFailure", "DrainFunctionGroupEvent", "DrainFunctionHostChange", "DrainFunctionInstanceState"
    failed, hook = "EC2 Instance Launch Unsuccessful", "EC2 Instance-terminate Lifecycle Action"
    state = "EC2 Instance State-change Notification"
    cases = [
        (stack, launches, group(failed), True),
        (stack, launches, group("EC2 Instance Launch Successful"), False),
        (one, launches, group(failed), True),
        (one, launches, group(failed, "other"), False),
        (pattern, launches, group(failed), True),
        (stack, groups, group(hook), True),
        (stack, groups, group("EC2 Instance Terminate Successful"), True),
        (stack, groups, group("EC2 Instance Terminate Unsuccessful"), True),
        (stack, groups, group("EC2 Instance-launch Lifecycle Action"), False),
        (stack, groups, group(failed), False),
        (one, groups, group(hook), True),
        (one, groups, group(hook, "prod-m7g-2"), False),
        (pattern, groups, group(hook, "prod-m7g-2"), True),
        (pattern, groups, group(hook, "test"), False),
        (stack, hosts, host("DRAINING"), True),
        (stack, hosts, host("DEREGISTERING"), True),
        (stack, hosts, host("INACTIVE"), True),
        (stack, hosts, host("ACTIVE"), False),
        (stack, hosts, host("REGISTERING"), False),
        (stack, hosts, host("DRAINING", kind="ECS Task State Change"), False),
        (one, hosts, host("DRAINING"), True),
        (one, hosts, host("DRAINING", "prod-2"), False),
        (pattern, hosts, host("DRAINING", "prod-2"), True),
        (stack, states, instance(state, state="running"), False),
        (stack, states, instance(state, state="pending"), False),
    ]
    cases += [(stack, states, instance(state, state=s), True) for s in ("shutting-down", "terminated", "stopping", "stopped")]
    for function in FUNCTIONS:
        notices = function + "SpotNotice"
        cases += [
            (one, notices, instance("EC2 Spot Instance Interruption Warning", **{"instance-action": "terminate"}), True),
            (one, notices, instance("EC2 Instance Rebalance Recommendation"), True),
            (one, notices, instance(state, state="terminated"), False),
        ]
    return cases


def check_patterns():
    for which, rule, sample, want in alarm_and_service_cases() + instance_cases():
        name = f"{rule} wakes on {sample['detail-type']} {sample['resources'][0]} {sample['detail']}"
        expect(name, which.wakes(rule, sample), want)

    # The samples that people invoke by hand reach the function in production by these same rules.
    every = Stack(AlarmNamePrefix="")
    seen = {f + r: 0 for f in FUNCTIONS for r in RULES[f] if r != "Tick"}
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
