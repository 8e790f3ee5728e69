# SPDX-License-Identifier: GPL-3.0-or-later
# bash completion for lockkeeper; installed as share/bash-completion/completions/lockkeeper.

# The options of a command, those that all commands share included.
_lockkeeper_options()
{
	local common='--output --profile --seed -j --force --help'

	case $1 in
	check)
		echo "--host --window --plots --limit --requests --model --start-hour $common"
		;;
	targets) echo "--to $common" ;;
	plan)
		echo "--lock --place --rolling --max-parallel --by-hour --plots --limit --out --model" \
			"--start-hour $common"
		;;
	approve) echo "--cluster --key --expires --out $common" ;;
	execute)
		echo "--approval --approvals --signers --cluster --journal --dry-run" \
			"--simulate --pace --parallel --tries --watch" \
			"--patience --data-tls --migration-uri --shared --strangers $common"
		;;
	resume) echo "--watch $common" ;;
	status | abort | replay) echo "$common" ;;
	serve)
		echo "--listen --state --connect --read-only --pace --limit --window --token-file" \
			"--host-name --proxy --proxy-header --certificate --certificate-key --key" \
			"--signers --approvals --parallel --tries --patience --data-tls --migration-uri" \
			"--shared --strangers --model --start-hour $common"
		;;
	simulate)
		echo "--lock --runs --sampling --until --model --start-hour --plots --trace $common"
		;;
	capacity)
		echo "--flavor --mix --group --tolerate --by --except --limit --growth --months --plots" \
			"$common"
		;;
	sweep)
		echo "--out --shard --resume --slurm --slurm-options --poll --plots --model --start-hour" \
			"$common"
		;;
	merge) echo "--plots $common" ;;
	import)
		echo "-o --name --measure-dirty --groups --shared --cluster --columns --utc-offset $common"
		;;
	calibrate) echo "--out --hypervisor --model $common" ;;
	esac
}

# What may follow an option; fails when that is for the user to know.
_lockkeeper_value()
{
	case $1 in
	--output) mapfile -t COMPREPLY < <(compgen -W 'table json csv' -- "$2") ;;
	--profile) mapfile -t COMPREPLY < <(compgen -W 'titanium starlingx nova' -- "$2") ;;
	--plots | --state) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
	--hypervisor) mapfile -t COMPREPLY < <(compgen -W 'qemu-7.2 qemu-8.2 qemu-9.2 qemu-10.0' -- "$2") ;;
	--model | --cluster | --groups | --approval)
		mapfile -t COMPREPLY < <(compgen -f -X '!*.json' -- "$2"; compgen -d -- "$2")
		;;
	--by) mapfile -t COMPREPLY < <(compgen -W 'lock fail' -- "$2") ;;
	--sampling) mapfile -t COMPREPLY < <(compgen -W 'plain sobol' -- "$2") ;;
	--shared) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
	--trace | -o | --out | --key | --signers | --journal | --watch | --token-file | --certificate | \
		--certificate-key)
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		;;
	--flavor | --mix | --group | --tolerate | --except | --growth | --months | -j | \
		--host | --to | --lock | --place | --pace | --listen | --host-name | --proxy | \
		--proxy-header | --max-parallel | --window | --limit | --runs | --name | --seed | \
		--until | --start-hour | --shard | --slurm | --slurm-options | --poll | --columns | \
		--utc-offset | --expires | --approvals | --parallel | --tries | --patience | --migration-uri)
		COMPREPLY=()
		;;
	*) return 1 ;;
	esac
}

_lockkeeper()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]}
	local commands='check targets plan approve execute resume status abort replay'

	commands+=' simulate capacity sweep merge serve import calibrate --help --version'
	COMPREPLY=()
	compopt -o filenames 2>/dev/null
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
	elif _lockkeeper_value "$previous" "$current"; then
		return
	elif [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_lockkeeper_options "$command")" -- "$current")
	elif [ "$command" = import ] && [ "$COMP_CWORD" = 2 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'openstack libvirt utilisation' -- "$current")
	elif [ "$command" = import ] && [ "${COMP_WORDS[2]}" = libvirt ]; then
		compopt +o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(
			compgen -W 'qemu+tls:// qemu+ssh:// qemu+tcp:// qemu:///system' -- "$current")
	elif [ "$command" = import ] && [ "${COMP_WORDS[2]}" = utilisation ]; then
		mapfile -t COMPREPLY < <(compgen -f -X '!*.csv' -- "$current"; compgen -d -- "$current")
	elif [ "$command" = import ] || [ "$command" = merge ]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
	elif [[ $command == @(resume|status|abort|replay) ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	elif [ "$command" = calibrate ]; then
		mapfile -t COMPREPLY < <(compgen -f -X '!*.csv' -- "$current"; compgen -d -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -f -X '!*.json' -- "$current"; compgen -d -- "$current")
	fi
}

complete -F _lockkeeper lockkeeper
