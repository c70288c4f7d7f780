/** What the programs of the node are told: settings with which they run in a container or sandbox, too. */
import { PAUSE_IMAGE } from '../image/images.ts'

/** A toml file, version 2, for containerd 1.6 and newer. */
export function containerdConfig({ folder, snapshotter }: { folder: string; snapshotter: string }): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  return `version = 2
root = "${folder}/containerd"
state = "${folder}/run"
[grpc]
  address = "${folder}/containerd.sock"
[${cri}]
  sandbox_image = "${PAUSE_IMAGE}"
  # A sandbox has no CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
[${cri}.containerd]
  snapshotter = "${snapshotter}"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${folder}/cni"
`
}

export const BRIDGE = 'hooklet0'
export const POD_NETWORK = '10.244.0.0/16'
export const SERVICE_NETWORK = '10.96.0.0/16'

/** Pods on a bridge of the machine. */
export function networkConfig(folder: string): object {
  return {
    cniVersion: '0.4.0',
    name: 'hooklet',
    plugins: [
      {
        type: 'bridge',
        bridge: BRIDGE,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: `${folder}/addresses`,
          ranges: [[{ subnet: POD_NETWORK }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
}

export function kubeletConfig({ folder, address }: { folder: string; address: string }): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${folder}/containerd.sock`,
    clusterDNS: [address],
    clusterDomain: 'cluster.local',
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    localStorageCapacityIsolation: false,
    enforceNodeAllocatable: [],
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    resolvConf: '/dev/null',
    podLogsDir: `${folder}/pod-logs`,
    imageGCHighThresholdPercent: 100,
    syncFrequency: '10s',
    serializeImagePulls: false,
  }
}

export function proxyConfig(options: { kubeconfig: string; ports: [number, number] }): object {
  const { kubeconfig, ports } = options
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clusterCIDR: POD_NETWORK,
    clientConnection: { kubeconfig },
    healthzBindAddress: `127.0.0.1:${ports[0]}`,
    metricsBindAddress: `127.0.0.1:${ports[1]}`,
    nodePortAddresses: ['primary'],
    nftables: { syncPeriod: '30s', minSyncPeriod: '200ms' },
    // The limits of connection tracking can't be set from inside of a container.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
}
