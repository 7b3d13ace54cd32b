// Package local gives a whole Trimtab on one machine, with no AWS account: the compiled functions under a Lambda Runtime
// API host, DynamoDB Local, moto and a stand-in for CloudWatch's GetMetricData.
//
//	aws lambda invoke, trimtab invoke, tests
//	        |  Invoke API, loopback
//	     Runtime ---- one process of the compiled bootstrap per concurrent invoke
//	        |
//	  the function's AWS clients, by the standard AWS_ENDPOINT_URL_* variables
//	     |               |                     |
//	  CloudWatch      Recorder              Recorder
//	  (CBOR, values      |                     |
//	   set by hand)   DynamoDB Local        Standin (instances that leave, tasks that move)
//	                                           |
//	                                         moto (ECS, Auto Scaling, EventBridge, Application Auto Scaling, SQS)
//
// Bed composes them for tests; Up, Supervise and Down keep one Bed running behind a terminal. Nothing here is linked into a
// function, and no function knows that it runs here.
//
// Everything of ours listens on 127.0.0.1 only. DynamoDB Local has no option for that: it binds every interface of the
// machine for as long as it runs. It holds nothing but the test rows, and its licence forbids redistribution, so it is
// installed at test time and never vendored.
package local
